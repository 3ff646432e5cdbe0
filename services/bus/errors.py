"""What can go wrong on the bus, as exceptions that callers can tell apart."""

from __future__ import annotations


class BusError(Exception):
    """Anything the bus refuses or fails at."""


class BusUnavailable(BusError):
    """NATS is not connected, JetStream did not acknowledge in time, or it has no room. A retry may succeed.

    A publish that fails so may still have been stored: use a message id where a repeat must not count twice.
    """


class Full(BusUnavailable):
    """JetStream did not store a message, since its stream, the account or the server has no room for more."""


class NotWhole(BusUnavailable):
    """An object was replaced each time it was being read. (One that is damaged: see objects.Damaged.)"""


class BusTimeout(BusError):
    """Someone took the request but did not answer within the time given."""


class StreamWentBack(BusError):
    """A stream is not what it was: made anew, cut off or restored. Positions that were kept do not fit it any more."""


class NobodyThere(BusError):
    """No service listens on the subject that was asked."""


class RequestFailed(BusError):
    """The handler that was asked raised an error; the text is what it said."""


class WrongSequence(BusError):
    """The subject's last sequence is not the one expected: someone else was first.

    last: the subject's true last sequence, None where the server did not tell.
    """

    def __init__(self, text: str, last: int | None = None) -> None:
        super().__init__(text)
        self.last = last


class PayloadTooLarge(BusError):
    """The message with its headers is over the server's max_payload."""


class Unusable(BusError):
    """This NATS cannot be used as it is; trying again does not help."""


class NotPermitted(Unusable, BusUnavailable):
    """The user that is logged in to NATS with may not do this; the text names the subject.

    While services run it is as if NATS were away, until the user is permitted.
    """


class Foreign(Unusable):
    """A stream of a name that is needed here is somebody else's. It is left alone."""


class NoRoom(Unusable):
    """The account may not keep as much as is needed."""


class ApiError(BusError):
    """JetStream's API refused a request. code is HTTP-like, err_code is JetStream's own number."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({err_code})")
        self.code = code
        self.err_code = err_code
        self.description = description
