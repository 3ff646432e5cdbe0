"""What an operation is answered with where it cannot be done."""

from __future__ import annotations


class OperationError(Exception):
    """The operation is answered with an error. status: as over HTTP. str() is the text of the error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def invalid_json() -> OperationError:
    """What a body is told that is no JSON, or of the wrong shape: Kapacitor 1.5.7 tells no more."""
    return OperationError(400, "invalid JSON")
