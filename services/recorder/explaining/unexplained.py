"""What is asked cannot be told."""

from __future__ import annotations


class Unexplained(Exception):
    """Why it cannot be told, as str(); status: as over HTTP. 404: there is no such thing; 410: the log does not hold it
    any more; 409: it is of a kind that cannot be told in this way."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
