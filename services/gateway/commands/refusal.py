"""A command that is answered with an error."""

from __future__ import annotations


class Refusal(Exception):
    """status: as over HTTP. str() is the text of the error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def invalid_json() -> Refusal:
    """What a body is told that is no JSON, or of the wrong shape: Kapacitor 1.5.7 tells no more."""
    return Refusal(400, "invalid JSON")
