"""Bodies of requests that are JSON."""

from __future__ import annotations

from typing import Any

import orjson

from services.gateway.operations.operation_error import OperationError, invalid_json

MOST_BYTES = 4 << 20
"""Of JSON, which becomes objects all at once: as many bytes of `[[],[],…` are a hundred megabytes of them."""


def parse_json(data: bytes) -> Any:
    """What JSON holds. Raises OperationError."""
    if len(data) > MOST_BYTES:
        raise too_large()
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error


def too_large() -> OperationError:
    """What answers a body that is too large."""
    return OperationError(413, f"body too large: JSON of more than {MOST_BYTES} bytes is not taken")
