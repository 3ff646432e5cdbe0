"""What is said to whoever listens, and kept by nobody: log lines, announcements."""

from __future__ import annotations

from collections.abc import Callable

from nats import errors as nats_errors

from services.bus.errors import BusUnavailable, PayloadTooLarge
from services.bus.link import Link


class Hearing:
    """A subject that is listened to; `stop` ends it."""

    def __init__(self, link: Link, subject: str, heard: Callable[[bytes], None]) -> None:
        self._link = link
        self._sid = link.client.listen(subject, lambda subject, reply, headers, data: heard(data))

    def stop(self) -> None:
        """Hear nothing more."""
        self._link.client.forget(self._sid)


def tell(link: Link, subject: str, data: bytes) -> None:
    """Send to all who listen now. BusUnavailable without connection, PayloadTooLarge over the server's limit."""
    if len(data) > link.max_payload:
        raise PayloadTooLarge(f"message of {len(data)} bytes for {subject}: the bus takes {link.max_payload}")
    try:
        link.client.send(subject, data)
    except nats_errors.Error as error:
        raise BusUnavailable(f"not connected to NATS: {subject} cannot be sent") from error
