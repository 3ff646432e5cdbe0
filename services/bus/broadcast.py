"""What is said to whoever listens, and kept by nobody: log lines, announcements."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.bus.errors import BusUnavailable, PayloadTooLarge
from services.bus.transport import headers as wire
from services.bus.transport import nats_errors
from services.bus.transport.link import Link


class Subscription:
    """A subject that is listened to; `stop` ends it."""

    def __init__(self, link: Link, subject: str, heard: Callable[[bytes], None]) -> None:
        self._link = link
        self._sid = link.client.listen(subject, lambda subject, reply, headers, data: heard(data))

    def stop(self) -> None:
        """Hear nothing more."""
        self._link.client.forget(self._sid)


async def send(link: Link, subject: str, data: bytes, headers: Mapping[str, str], timeout: float) -> None:
    """Send with headers, and wait until the server has taken it.

    BusUnavailable, NotPermitted, PayloadTooLarge, ValueError for a bad header.
    """
    raw = wire.encode(headers)
    if len(data) + len(raw) > link.max_payload:
        raise PayloadTooLarge(
            f"message of {len(data) + len(raw)} bytes for {subject}: the bus takes {link.max_payload}"
        )
    try:
        link.client.send(subject, data, headers=raw)
    except nats_errors.Error as error:
        raise BusUnavailable("not connected to NATS") from error
    await link.taken(subject, timeout)


def broadcast(link: Link, subject: str, data: bytes, now: bool = False) -> None:
    """Send to all who listen now. BusUnavailable without connection, PayloadTooLarge over the server's limit.

    now: it leaves before anything else that this turn of the event loop sends.
    """
    if len(data) > link.max_payload:
        raise PayloadTooLarge(
            f"message of {len(data)} bytes for {link.shown(subject)}: the bus takes {link.max_payload}"
        )
    try:
        link.client.send(subject, data)
        if now:
            link.client.flush_now()
    except nats_errors.Error as error:
        raise BusUnavailable("not connected to NATS") from error
