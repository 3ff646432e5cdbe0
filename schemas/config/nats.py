"""[nats]: the bus, and the limits of what it keeps."""

from dataclasses import dataclass

from marshmallow import ValidationError
from marshmallow.validate import Range, Regexp

from schemas.config.checks import PORT, POSITIVE
from schemas.config.fields import Duration, Flag, NatsUrls, Size, SyncInterval, Text, Whole
from schemas.config.section import setting

_WORD = Regexp(r"[A-Za-z0-9_-]*\Z", error="must be letters, digits, - and _")


@dataclass(frozen=True, kw_only=True)
class Nats:
    """[nats]: the bus, and the limits of what it keeps."""

    url: str = setting(
        "", NatsUrls, "The NATS server, several separated by commas. Empty: `tickbus serve` starts its own on loopback."
    )
    username: str = setting("", Text, "The user to log in to the given NATS with, where the URL names none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    password_file: str = setting("", Text, "A file that holds the password; it is read at each connect.")
    token: str = setting(
        "", Text, "A token to log in to the given NATS with, in place of user and password.", secret=True
    )
    token_file: str = setting("", Text, "A file that holds the token; it is read at each connect.")
    credentials_file: str = setting(
        "", Text, "A .creds file, with a JWT and an nkey seed, to log in to the given NATS with; read at each connect."
    )
    nkey_file: str = setting("", Text, "A file that holds an nkey seed to log in to the given NATS with.")
    ssl_ca: str = setting(
        "", Text, "The certificates that the given NATS's has to be signed by, as a file. Empty: the system's."
    )
    ssl_cert: str = setting("", Text, "The certificate that tickbus shows to the given NATS, as a file.")
    ssl_key: str = setting("", Text, "Its key, as a file, where it is not in the same.")
    prefix: str = setting(
        "tickbus",
        Text,
        "What every subject of this tickbus begins with: another for each that shares an account of NATS.",
        check=Regexp(
            r"[A-Za-z0-9-][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\Z",
            error="must be words of letters, digits, - and _, divided by dots",
        ),
    )
    stream_prefix: str = setting(
        "", Text, "What the names of its streams, buckets and object stores begin with, likewise.", check=_WORD
    )
    domain: str = setting(
        "", Text, "The JetStream domain that everything is kept in. Empty: the one of the server.", check=_WORD
    )
    api_prefix: str = setting(
        "",
        Text,
        "What requests to JetStream begin with, where another account lends it: `from.hub.API`. Empty: $JS.API.",
        check=Regexp(r"(?![^\s]*[*>])\S*(?<!\.)\Z", error="must be a subject without wildcards"),
    )
    port: int = setting(0, Whole, "The port of the NATS that serve starts; 0 picks a free one.", check=PORT)
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
        4 << 30, Size, "How many bytes of writes the log keeps; the oldest go first.", check=POSITIVE
    )
    alert_max_age: float = setting(0.0, Duration, "How long an alert event stays in the log; 0s keeps it.")
    alert_max_bytes: int = setting(1 << 30, Size, "How many bytes of alert events the log keeps.", check=POSITIVE)
    notice_max_age: float = setting(
        7 * 24 * 3600.0,
        Duration,
        "How long what other programs are told of alerts (`publish` in [alert]) stays in the stream NOTICES, for those "
        "that were away; 0s keeps it until bytes run out.",
    )
    notice_max_bytes: int = setting(256 << 20, Size, "How many bytes of that are kept.", check=POSITIVE)
    compact_every: float = setting(
        600.0,
        Duration,
        "How often what was told of tasks, recordings and replays that are no more is removed from the log of events; "
        "it stays there for as long at least. 0s: it stays for ever.",
    )
    ack_timeout: float = setting(
        5.0,
        Duration,
        "How long to wait for JetStream's acknowledgement before a write is answered 503.",
        check=POSITIVE,
    )

    pack_writes: bool = setting(
        True,
        Flag,
        "Large writes are kept in the log packed, in a quarter to a tenth of the bytes. false: as they came, for "
        "programs of others that read them from the log.",
    )

    def __post_init__(self) -> None:
        if self.domain and self.api_prefix:
            raise ValidationError("domain and api-prefix say the same thing: give one of them")
        if self.ssl_key and not self.ssl_cert:
            raise ValidationError("ssl-key needs ssl-cert")
        ways = {
            "username": self.username,
            "token": self.token or self.token_file,
            "credentials-file": self.credentials_file,
            "nkey-file": self.nkey_file,
        }
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:
            raise ValidationError(f"{' and '.join(given)} are several ways to log in: give one of them")
