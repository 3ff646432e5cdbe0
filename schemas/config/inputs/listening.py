"""[[udp]], [opentsdb], [collectd], and what inputs that listen have in common."""

from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.config.checks import NOT_NEGATIVE
from schemas.config.fields import Address, Duration, Flag, Text, Whole
from schemas.config.section import setting

ENABLED = "Whether the gateway listens."
ADDRESS = '"HOST:PORT"; ":PORT" is every interface, port 0 a free one.'
DATABASE = "The database that its points are of."
RP = "Their retention policy; empty: default-retention-policy."
READ_BUFFER = "The operating system's buffer for what has been received, in bytes; 0: as it has it."
CONSISTENCY = "Of no effect: it belongs to clusters of InfluxDB."


def batch_size(default: int) -> Any:
    """The setting of how large a batch is."""
    return setting(default, Whole, f"How many points are stored together at most; 0: {default}.", check=NOT_NEGATIVE)


def batch_pending(default: int) -> Any:
    """The setting of how many batches may wait."""
    return setting(
        default,
        Whole,
        f"How many times as many may wait to be stored; what comes beyond that is dropped. 0: {default}.",
        check=NOT_NEGATIVE,
    )


def batch_timeout(default: float) -> Any:
    """The setting of how long a batch is waited for."""
    return setting(default, Duration, f"How long a point waits for others to be stored with; 0s: {default:g}s.")


@dataclass(frozen=True, kw_only=True)
class Udp:
    """[[udp]]: line protocol over UDP. One element for each address."""

    enabled: bool = setting(False, Flag, ENABLED)
    bind_address: str = setting("", Text, ADDRESS)
    read_buffer: int = setting(0, Whole, READ_BUFFER, check=NOT_NEGATIVE)
    buffer: int = setting(
        0,
        Whole,
        "How many datagrams may wait to be stored; what comes beyond that is dropped. 0: 1000.",
        check=NOT_NEGATIVE,
    )
    database: str = setting("", Text, DATABASE)
    retention_policy: str = setting("", Text, RP)

    def __post_init__(self) -> None:
        if self.enabled:
            check_address(self.bind_address)
            if not self.database:
                raise ValidationError({"database": ["has to be specified"]})


@dataclass(frozen=True, kw_only=True)
class OpenTsdb:
    """[opentsdb]: OpenTSDB's `put` lines and its HTTP /api/put, on one port."""

    enabled: bool = setting(False, Flag, ENABLED)
    bind_address: str = setting(":4242", Text, ADDRESS)
    database: str = setting("opentsdb", Text, DATABASE)
    retention_policy: str = setting("", Text, RP)
    consistency_level: str = setting("one", Text, CONSISTENCY)
    tls_enabled: bool = setting(False, Flag, "Whether it speaks TLS, and nothing else.")
    certificate: str = setting("/etc/ssl/influxdb.pem", Text, "The file of its certificate and key, PEM.")
    batch_size: int = batch_size(1000)
    batch_pending: int = batch_pending(5)
    batch_timeout: float = batch_timeout(1.0)
    log_point_errors: bool = setting(True, Flag, "Whether bad lines are logged, a line in ten seconds.")

    def __post_init__(self) -> None:
        if self.enabled:
            check_address(self.bind_address or ":4242")


@dataclass(frozen=True, kw_only=True)
class Collectd:
    """[collectd]: the binary protocol of collectd's network plugin, over UDP, neither signed nor encrypted."""

    enabled: bool = setting(False, Flag, ENABLED)
    bind_address: str = setting(":25826", Text, ADDRESS)
    database: str = setting("collectd", Text, DATABASE)
    retention_policy: str = setting("", Text, RP)
    batch_size: int = batch_size(5000)
    batch_pending: int = batch_pending(10)
    batch_timeout: float = batch_timeout(10.0)
    read_buffer: int = setting(0, Whole, READ_BUFFER, check=NOT_NEGATIVE)
    typesdb: str = setting(
        "/usr/share/collectd/types.db",
        Text,
        "collectd's file of data sets, which names the values; or a directory of such files.",
    )

    def __post_init__(self) -> None:
        if self.enabled:
            check_address(self.bind_address or ":25826")


def check_address(address: str) -> None:
    """ValidationError where there is none or it is none."""
    if not address:
        raise ValidationError({"bind-address": ["has to be specified"]})
    try:
        Address().deserialize(address)
    except ValidationError as error:
        raise ValidationError({"bind-address": error.messages}) from None
