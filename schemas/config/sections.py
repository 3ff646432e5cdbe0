"""The settings of tickbus: every section that the program itself knows.

Alert handlers bring sections of their own, which the loader is given. Keys and meanings are Kapacitor's where
Kapacitor has them; ``tickbus config`` prints all of them with their documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from marshmallow import ValidationError
from marshmallow.validate import OneOf, Range

from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.fields import Address, Directory, Duration, Flag, Size, SyncInterval, Text, TextMap, Texts, Whole
from schemas.config.influxdb import InfluxDB
from schemas.config.section import only, setting, table_of
from schemas.duration import format_go_duration
from schemas.events.task import LEFT_ALERTS

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")

_POSITIVE = Range(min=0, min_inclusive=False, error="must be more than 0")
_AT_LEAST_1 = Range(min=1, error="must be at least 1")
_META = "Of no effect: it belongs to meta-addr."
_TLS = OneOf(["", "tls1.2", "tls1.3"], error="must be tls1.2 or tls1.3")


@dataclass(frozen=True, kw_only=True)
class Http:
    """[http]: the gateway's HTTP server."""

    bind_address: str = setting(
        "127.0.0.1:9092", Address, 'Where the HTTP API listens, "HOST:PORT"; ":9092" is every interface.'
    )
    log_enabled: bool = setting(True, Flag, "Whether each HTTP request is logged, at level INFO.")
    write_tracing: bool = setting(False, Flag, "Whether the body of each write is logged, at level DEBUG.")
    max_body_size: int = setting(
        64 << 20,
        Size,
        "The largest body of a request, after it is ungzipped; above it the answer is 413.",
        check=_POSITIVE,
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
        check=_POSITIVE,
    )
    shutdown_timeout: float = setting(2.0, Duration, "How long a stopping gateway waits for requests under way.")
    auth_enabled: bool = setting(
        False,
        Flag,
        "Whether requests need a user's credentials: every one but GET and HEAD of /kapacitor/v1/ping, and OPTIONS. "
        "`tickbus user add NAME --admin` makes the first user.",
    )
    shared_secret: str = setting(
        "",
        Text,
        "The key of the JSON Web Tokens that may stand for a password: `Authorization: Bearer TOKEN`, signed with "
        "HS256, HS384 or HS512, with the claims username and exp. Empty: tokens are refused.",
        secret=True,
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
        "routes do: true is refused where auth-enabled is, and of no effect elsewhere.",
    )

    def __post_init__(self) -> None:
        if self.auth_enabled and self.pprof_enabled:
            raise ValidationError("pprof-enabled = true is not supported together with auth-enabled = true")


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
        "The cost of the hash that is kept of each new password: 2^cost rounds of bcrypt.",
        check=Range(min=4, max=31, error="must be 4 to 31"),
    )
    meta_addr: str = setting("", Text, "A meta server of InfluxDB Enterprise; not supported, so it must be empty.")
    meta_username: str = setting("", Text, _META)
    meta_password: str = setting("", Text, _META, secret=True)
    meta_internal_shared_secret: str = setting("", Text, _META, secret=True)
    meta_use_tls: bool = setting(False, Flag, _META)
    meta_ca: str = setting("", Text, _META)
    meta_cert: str = setting("", Text, _META)
    meta_key: str = setting("", Text, _META)
    meta_insecure_skip_verify: bool = setting(False, Flag, _META)

    def __post_init__(self) -> None:
        if self.enabled and self.meta_addr:
            raise ValidationError("meta-addr is not supported: users are kept by tickbus itself, it must be empty")


@dataclass(frozen=True, kw_only=True)
class Tls:
    """[tls]: how the API speaks HTTPS."""

    ciphers: tuple[str, ...] = setting(
        (),
        Texts,
        "The cipher suites. Only empty: those that OpenSSL thinks well of.",
        check=only((), "is not supported: the cipher suites are OpenSSL's"),
    )
    min_version: str = setting(
        "", Text, "The oldest version that is spoken, tls1.2 or tls1.3; empty: tls1.2.", check=_TLS
    )
    max_version: str = setting("", Text, "The newest version that is spoken; empty: tls1.3.", check=_TLS)

    def __post_init__(self) -> None:
        if (self.min_version, self.max_version) == ("tls1.3", "tls1.2"):
            raise ValidationError("min-version is newer than max-version")


@dataclass(frozen=True, kw_only=True)
class Logging:
    """[logging]: structured logs, one logfmt line each."""

    file: str = setting("STDERR", Text, "Where logs go: STDERR, STDOUT or a file that is appended to.")
    level: str = setting(
        "INFO",
        Text,
        "The least level that is logged: DEBUG, INFO, WARN or ERROR.",
        check=OneOf(LEVELS, error="must be one of DEBUG, INFO, WARN, ERROR"),
    )


@dataclass(frozen=True, kw_only=True)
class Storage:
    """[storage]: the folds and snapshots that each service keeps under data_dir."""

    boltdb: str = setting(
        "", Text, "Kapacitor's database file. Accepted and not used: tickbus keeps its state in data_dir."
    )
    map_size: int = setting(
        16 << 30,
        Size,
        "The most that one service's LMDB file may grow to. Disk is used as data is written, not up front.",
        check=Range(min=1 << 20, error="must be at least 1m"),
    )
    keep_free: int = setting(
        256 << 20,
        Size,
        "How many bytes of the disk serve keeps free, at most a tenth of it: with less, writes are answered 503.",
        check=Range(min=0, error="must not be negative"),
    )


@dataclass(frozen=True, kw_only=True)
class Nats:
    """[nats]: the bus, and the limits of what it keeps."""

    url: str = setting(
        "", Text, "The NATS server, several separated by commas. Empty: `tickbus serve` starts its own on loopback."
    )
    username: str = setting("", Text, "The user to log in to the given NATS with, where the URL names none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    port: int = setting(
        0,
        Whole,
        "The port of the NATS that serve starts; 0 picks a free one.",
        check=Range(min=0, max=65535, error="must be a port"),
    )
    store_dir: str = setting(
        "", Text, "Where the NATS that serve starts keeps its streams. Empty: nats, under data_dir."
    )
    replicas: int = setting(
        1,
        Whole,
        "On how many servers of a NATS cluster each stream is kept.",
        check=Range(min=1, max=5, error="must be 1 to 5"),
    )
    max_payload: int = setting(
        8 << 20,
        Size,
        "The largest message that the started NATS takes; a longer write is cut at line ends.",
        check=Range(min=64 << 10, max=64 << 20, error="must be from 64k to 64m"),
    )
    sync: float = setting(
        0.0,
        SyncInterval,
        "When the NATS that serve starts has its disk make what it stored safe from a power cut: always, before it is "
        "acknowledged, or so often; what was acknowledged in between is then lost with the power, though not with any "
        "process. Of a given NATS it is set there, as sync_interval in its section jetstream.",
    )
    write_max_age: float = setting(
        24 * 3600.0, Duration, "How long a write stays in the log; 0s keeps it until bytes run out."
    )
    write_max_bytes: int = setting(
        4 << 30, Size, "How many bytes of writes the log keeps; the oldest go first.", check=_POSITIVE
    )
    alert_max_age: float = setting(0.0, Duration, "How long an alert event stays in the log; 0s keeps it.")
    alert_max_bytes: int = setting(1 << 30, Size, "How many bytes of alert events the log keeps.", check=_POSITIVE)
    ack_timeout: float = setting(
        5.0,
        Duration,
        "How long to wait for JetStream's acknowledgement before a write is answered 503.",
        check=_POSITIVE,
    )


@dataclass(frozen=True, kw_only=True)
class Engine:
    """[engine]: the workers that run tasks."""

    id: str = setting(
        "",
        Text,
        "The worker's name; it names its directory and its leases. Empty: from host and process; serve names its own.",
    )
    workers: int = setting(
        0,
        Whole,
        "How many workers serve starts. 0: one for every two processors, 4 at most.",
        check=Range(min=0, max=256, error="must be 0 to 256"),
    )
    shards: int = setting(
        64,
        Whole,
        "Over how many shards tasks are spread. The same on every worker.",
        check=Range(min=1, max=4096, error="must be 1 to 4096"),
    )
    lease_ttl: float = setting(
        5.0, Duration, "How long a worker holds a shard after its last sign of life.", check=_POSITIVE
    )
    heartbeat: float = setting(1.0, Duration, "How often a worker renews its leases.", check=_POSITIVE)
    snapshot_interval: float = setting(
        10.0,
        Duration,
        "How often a worker saves the state of its tasks; less is replayed after a crash.",
        check=_POSITIVE,
    )
    max_batch_messages: int = setting(
        5000, Whole, "How many messages at most are decoded as one frame.", check=_AT_LEAST_1
    )
    max_batch_bytes: int = setting(2 << 20, Size, "How many bytes at most are decoded as one frame.", check=_POSITIVE)
    group_idle_age: float = setting(
        0.0,
        Duration,
        "After how long without a point tasks forget a group, as with barrier().delete(TRUE); 0s: never. "
        "A group that comes back starts anew: windows, states and alerts know nothing of it, and an alert that was "
        "raised for it is not recovered. Choose more than any window, deadman or pause of the data lasts.",
        check=Range(min=0, error="must not be negative"),
    )


@dataclass(frozen=True, kw_only=True)
class Replay:
    """[replay]: replays of recordings and queries."""

    patience: float = setting(
        40.0,
        Duration,
        "A replay is finished once all that it has sent is handled or given up. How long it waits where nothing is: "
        "where the handlers of its alerts, or what its httpPost and influxDBOut nodes write to, do not get on. More "
        "than the `timeout` in [alert], so that an answer that is late is waited for. 0s: it waits for nothing.",
        check=Range(min=0, error="must not be negative"),
    )


@dataclass(frozen=True, kw_only=True)
class Load:
    """[load]: tasks, templates and topic handlers defined by the files of a directory.

    Read when a gateway starts and on SIGHUP. Every gateway that has it enabled should see the same files.
    """

    enabled: bool = setting(False, Flag, "Whether the directory is read.")
    dir: str = setting(
        "/etc/kapacitor/load",
        Text,
        "The directory, an absolute path: tasks/*.tick, tasks/*.yaml, .yml or .json for tasks made from templates, "
        "templates/*.tick, and handlers/*.yaml, .yml or .json. What was loaded from it is deleted with its file.",
    )

    def __post_init__(self) -> None:
        if self.enabled and not Path(self.dir).is_absolute():
            raise ValidationError({"dir": ["must be an absolute path"]})


@dataclass(frozen=True, kw_only=True)
class Alert:
    """[alert]: how long handlers try to send an alert, and what becomes of those of deleted tasks."""

    timeout: float = setting(
        30.0,
        Duration,
        "How long one attempt to send an alert may take, the answer included, unless the handler has a `timeout` of "
        "its own; 0s: for ever. What is answered within that time is not sent again, else the next attempt may take "
        "twice as long. exec has no limit but its own; email has this for each answer of the mail server, ten times as "
        "long for the one to the whole mail; kafka for each answer of a broker.",
    )
    retry_for: float = setting(
        600.0,
        Duration,
        "For how long after an alert has come it is tried again where nobody answers, or the answer is `not now`: mail "
        "servers say that to senders they do not know, who may come again in five minutes. What could not be sent by "
        "then is given up on: logged, and counted in tickbus_alerts_given_up.",
    )
    deleted_tasks: str = setting(
        "forget",
        Text,
        "What becomes of the alerts that a task leaves when it is deleted. forget: the task's own topics are gone, and "
        "who was told of an alert hears no more of it. keep: a task that is defined under the same id goes on from "
        "them, so that their end is told. end: they end, which the task's handlers and topics are told as OK events. "
        "`DELETE /tasks/ID?alerts=keep` says so for one task.",
        check=OneOf(LEFT_ALERTS, error=f"must be one of {', '.join(LEFT_ALERTS)}"),
    )
    persist_topics: bool = setting(
        True,
        Flag,
        "Kapacitor's switch for keeping topics over a restart. Of no effect: they are in the log of alerts.",
    )
    topic_buffer_length: int = setting(
        5000, Whole, "Of no effect: what waits for a handler stands in the log of alerts, and holds up nothing."
    )


@dataclass(frozen=True, kw_only=True)
class ConfigOverride:
    """[config-override]: changing the configuration over the HTTP API."""

    enabled: bool = setting(True, Flag, "Whether it may be changed over the API, and whether what was changed counts.")


@dataclass(frozen=True, kw_only=True)
class UdfFunction:
    """[udf.functions.NAME]: a function that scripts use as `@NAME()`, run as a process or reached over a socket."""

    prog: str = setting("", Text, "The program. Each node that uses the function starts one of its own.")
    args: tuple[str, ...] = setting((), Texts, "Its arguments.")
    env: Mapping[str, str] = setting(MappingProxyType({}), TextMap, "Variables to set in its environment.")
    socket: str = setting("", Text, "In place of a program: a unix socket that somebody listens on.")
    timeout: float = setting(10.0, Duration, "How long it may be silent before it counts as dead and is restarted.")

    def __post_init__(self) -> None:
        if self.timeout <= 1e-3:
            raise ValidationError(f"timeout is too small: {format_go_duration(round(self.timeout * 1e9))}")
        if self.socket and (self.prog or self.args or self.env):
            raise ValidationError("both socket and process config provided")
        if not self.socket and not self.prog:
            raise ValidationError("must set either prog or socket")


@dataclass(frozen=True, kw_only=True)
class Udf:
    """[udf]: user defined functions. The gateway asks them for their options, engine workers run them."""

    functions: Mapping[str, UdfFunction] = setting(
        MappingProxyType({}),
        table_of(UdfFunction),
        "The functions, one table each: [udf.functions.NAME] with prog, args, env and timeout, or socket and timeout.",
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration, checked: what every service is given.

    ``sections`` holds what the handlers' sections loaded to, by name; a list for a section that may stand repeatedly.
    """

    hostname: str = setting("localhost", Text, "This host's name, as other systems are told it.")
    data_dir: Path = setting(  # noqa: RUF009 - a Path cannot be changed
        Path("~/.tickbus").expanduser(),
        Directory,
        "Everything that is kept: the log, folds, snapshots.",
        key="data_dir",
    )
    default_retention_policy: str = setting("", Text, "The retention policy of a write that names none.")
    skip_config_overrides: bool = setting(False, Flag, "Whether overrides made over the HTTP API are left out.")
    http: Http = field(default_factory=Http)
    auth: Auth = field(default_factory=Auth)
    tls: Tls = field(default_factory=Tls)
    logging: Logging = field(default_factory=Logging)
    storage: Storage = field(default_factory=Storage)
    nats: Nats = field(default_factory=Nats)
    engine: Engine = field(default_factory=Engine)
    alert: Alert = field(default_factory=Alert)
    replay: Replay = field(default_factory=Replay)
    load: Load = field(default_factory=Load)
    udf: Udf = field(default_factory=Udf)
    config_override: ConfigOverride = field(default_factory=ConfigOverride)
    influxdb: tuple[InfluxDB, ...] = field(default_factory=lambda: (InfluxDB(),))
    kubernetes: tuple[Kubernetes, ...] = ()
    swarm: tuple[Swarm, ...] = ()
    ec2: tuple[Ec2, ...] = ()
    sections: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
