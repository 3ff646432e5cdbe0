"""Requests that are answered with an error as plain text: those of /write."""

from __future__ import annotations


class Refused(Exception):
    """The write is answered with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Gone(Exception):
    """The client has hung up before it had sent everything."""


def too_large(size: int, limit: int) -> Refused:
    """The refusal of a body."""
    return Refused(413, f"body too large: {size} bytes, at most {limit} are taken")
