"""What a section [nats] of a configuration says of the NATS that is used, in the words of this room."""

from __future__ import annotations

from typing import Protocol

from services.bus.account.kept import Wishes
from services.bus.streams import StreamLimits
from services.bus.transport.credentials import Credentials
from services.bus.transport.names import Names


class NatsSettings(Protocol):
    """The settings that are read here; see schemas.config.nats.Nats."""

    @property
    def url(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def password_file(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def token_file(self) -> str: ...
    @property
    def credentials_file(self) -> str: ...
    @property
    def nkey_file(self) -> str: ...
    @property
    def ssl_ca(self) -> str: ...
    @property
    def ssl_cert(self) -> str: ...
    @property
    def ssl_key(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def stream_prefix(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def api_prefix(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def write_max_age(self) -> float: ...
    @property
    def write_max_bytes(self) -> int: ...
    @property
    def alert_max_age(self) -> float: ...
    @property
    def alert_max_bytes(self) -> int: ...
    @property
    def notice_max_age(self) -> float: ...
    @property
    def notice_max_bytes(self) -> int: ...


def credentials_of(nats: NatsSettings, url: str) -> Credentials:
    """How a NATS is logged in to; what stands in its URL goes before what else there is."""
    if "@" in url:
        return Credentials(ca=nats.ssl_ca or None, cert=nats.ssl_cert or None, key=nats.ssl_key or None)
    return Credentials(
        user=nats.username or None,
        password=nats.password or None,
        token=nats.token or None,
        file=nats.credentials_file or None,
        nkey_file=nats.nkey_file or None,
        password_file=nats.password_file or None,
        token_file=nats.token_file or None,
        ca=nats.ssl_ca or None,
        cert=nats.ssl_cert or None,
        key=nats.ssl_key or None,
    )


def names_of(nats: NatsSettings) -> Names:
    """What things are called there."""
    return Names.of(nats.prefix, nats.stream_prefix, nats.domain, nats.api_prefix)


def wishes_of(nats: NatsSettings) -> Wishes:
    """How what is kept there is to be kept."""
    return Wishes(
        writes=StreamLimits(nats.write_max_age, nats.write_max_bytes, nats.replicas),
        alerts=StreamLimits(nats.alert_max_age, nats.alert_max_bytes, nats.replicas),
        notices=StreamLimits(nats.notice_max_age, nats.notice_max_bytes, nats.replicas),
        replicas=nats.replicas,
    )
