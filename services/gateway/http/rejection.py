"""Requests whose body is not taken: it is wrong, too large, too slow, or there is no room for it."""

from __future__ import annotations


class RequestRejected(Exception):
    """The request is answered with this status. str() is the text: plain for /write, in JSON for all else."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ClientDisconnected(Exception):
    """The client has hung up before it had sent everything."""


def too_large(size: int, limit: int) -> RequestRejected:
    """Why a body is not taken that has more bytes than the limit."""
    return RequestRejected(413, f"body too large: {size} bytes, at most {limit} are taken")
