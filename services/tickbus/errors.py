"""What clients raise."""

from __future__ import annotations


class TickbusError(Exception):
    """Anything that did not go well; the text says what."""


class Refused(TickbusError):
    """The server's answer says that it does not do this.

    status: as over HTTP: 400 for a mistake in what was asked, 401 and 403 for a user who may not, 404 for what is not
    there, 500 for a task that is defined and cannot start.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Unavailable(TickbusError):
    """Nobody answers, or not now (503). A retry may succeed; a write may have been stored nevertheless."""


class Unreachable(Unavailable):
    """Nobody answers at the server's address, or the connection broke."""
