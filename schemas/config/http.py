"""How the gateway is reached: its HTTP server, TLS and users."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from marshmallow import ValidationError
from marshmallow.validate import OneOf, Range

from schemas.config.checks import NOT_NEGATIVE, POSITIVE
from schemas.config.fields import Address, Duration, Flag, Size, Text, TextMap, Texts, TlsVersion, Whole
from schemas.config.section import setting

_META = "Of no effect: it belongs to meta-addr."
_OLD_TLS = ("ssl3.0", "tls1.0", "tls1.1")
_TLS = OneOf(["", "tls1.2", "tls1.3", *_OLD_TLS], error="must be tls1.2 or tls1.3")


def _buckets(given: Mapping[str, str]) -> None:
    for bucket, place in given.items():
        if not place.partition("/")[0]:
            raise ValidationError(f'the bucket "{bucket}" must stand for "DB/RP" or "DB", not "{place}"')


@dataclass(frozen=True, kw_only=True)
class Http:
    """[http]: the gateway's HTTP server."""

    bind_address: str = setting(
        "127.0.0.1:9092", Address, 'Where the HTTP API listens, "HOST:PORT"; ":9092" is every interface.'
    )
    processes: int = setting(
        1,
        Whole,
        "How many gateways serve starts, which share the address: each connection goes to one of them.",
        check=Range(min=1, max=64, error="must be 1 to 64"),
    )
    process: int = setting(
        0,
        Whole,
        "Which of them this one is; serve tells it. Only the first, 0, has the inputs beside HTTP.",
        check=NOT_NEGATIVE,
    )
    log_enabled: bool = setting(True, Flag, "Whether each HTTP request is logged, at level INFO.")
    write_tracing: bool = setting(False, Flag, "Whether the body of each write is logged, at level DEBUG.")
    max_body_size: int = setting(
        64 << 20,
        Size,
        "The largest body of a request, after it is ungzipped; above it the answer is 413.",
        check=POSITIVE,
    )
    cors: tuple[str, ...] = setting(
        (),
        Texts,
        'The origins of pages in browsers ("https://grafana.example.org", "*" for all) that may read answers and send '
        "anything. Others may only send application/json, which no browser sends to another origin unasked.",
    )
    hosts: tuple[str, ...] = setting(
        (),
        Texts,
        "Names of hosts that requests may be sent to, beside localhost and IP addresses, while the API listens on "
        "loopback only and needs no credentials: a name of somebody else's may be made to mean this machine.",
    )
    max_bodies: int = setting(
        256 << 20,
        Size,
        "How many bytes the bodies of all requests together take in memory; what comes beyond that is answered 503. "
        "One alone may be larger.",
        check=POSITIVE,
    )
    shutdown_timeout: float = setting(2.0, Duration, "How long a stopping gateway waits for requests under way.")
    auth_enabled: bool = setting(
        False,
        Flag,
        "Whether requests need a user's credentials: every one but OPTIONS, and GET and HEAD of /kapacitor/v1/ping, "
        "/ping, /health, /healthz and /readyz. `tickbus user add NAME --admin` makes the first user.",
    )
    shared_secret: str = setting(
        "",
        Text,
        "The key of the JSON Web Tokens that may stand for a password: `Authorization: Bearer TOKEN`, signed with "
        "HS256, HS384 or HS512, with the claims username and exp. Empty: tokens are refused.",
        secret=True,
    )
    buckets: Mapping[str, str] = setting(
        MappingProxyType({}),
        TextMap,
        'What buckets stand for that writes as to InfluxDB 2.x and 3 are given: { telegraf = "telegraf/autogen" }'
        ", a database and a retention policy; others are such themselves, DB/RP, or DB with default-retention-policy.",
        check=_buckets,
    )
    https_enabled: bool = setting(False, Flag, "Whether the API speaks HTTPS, and nothing else.")
    https_certificate: str = setting(
        "/etc/ssl/kapacitor.pem",
        Text,
        "The certificate file for HTTPS, PEM, with those between it and its authority behind it. A gateway that gets "
        "SIGHUP reads it and the key again.",
    )
    https_private_key: str = setting("", Text, "The private key file, PEM; empty where the certificate file holds it.")
    pprof_enabled: bool = setting(
        False,
        Flag,
        "In Kapacitor, whether /debug/pprof and /debug/vars are open to everybody. Here they need credentials as all "
        "routes do: of no effect.",
    )


@dataclass(frozen=True, kw_only=True)
class Auth:
    """[auth]: the users. Whether requests need one says auth-enabled in [http]."""

    enabled: bool = setting(
        False,
        Flag,
        "Kapacitor takes any credentials for an administrator's while this is off. tickbus never does: of no effect.",
    )
    cache_expiration: float = setting(
        600.0,
        Duration,
        "How long a password that was right is known to be, without its slow hash being computed again; 0s: not at "
        "all. A change of the user ends that at once.",
    )
    bcrypt_cost: int = setting(
        10,
        Whole,
        "The cost of the hash that is kept of each new password: 2^cost rounds of bcrypt. 0: 10.",
        check=OneOf([0, *range(4, 32)], error="must be 4 to 31"),
    )
    meta_addr: str = setting(
        "", Text, "Of no effect: a meta server of InfluxDB Enterprise, whose users tickbus does not know."
    )
    meta_username: str = setting("", Text, _META)
    meta_password: str = setting("", Text, _META, secret=True)
    meta_internal_shared_secret: str = setting("", Text, _META, secret=True)
    meta_use_tls: bool = setting(False, Flag, _META)
    meta_ca: str = setting("", Text, _META)
    meta_cert: str = setting("", Text, _META)
    meta_key: str = setting("", Text, _META)
    meta_insecure_skip_verify: bool = setting(False, Flag, _META)


@dataclass(frozen=True, kw_only=True)
class Tls:
    """[tls]: how the API speaks HTTPS."""

    ciphers: tuple[str, ...] = setting(
        (), Texts, "Of no effect: the cipher suites are those that OpenSSL thinks well of."
    )
    min_version: str = setting(
        "", TlsVersion, "The oldest version that is spoken, tls1.2 or tls1.3; empty: tls1.2.", check=_TLS
    )
    max_version: str = setting(
        "", TlsVersion, "The newest version that is spoken; empty: tls1.3. One older than tls1.2 is tls1.2.", check=_TLS
    )

    def __post_init__(self) -> None:
        if self.min_version == "tls1.3" and self.max_version not in ("", "tls1.3"):
            raise ValidationError("min-version is newer than max-version")
