"""Reading the JSON body of an HTTP request."""

from __future__ import annotations

from typing import Any

from quart import request

from services.gateway.operations import json_body


async def read_json(bare: bool = False) -> Any:
    """The body of the request under way; None where there is none, and it may be bare.

    Raises OperationError: 400 where it is no JSON, 413 where it is too large.
    """
    data = await _read()
    return None if bare and not data else json_body.parse_json(data)


async def _read() -> bytes:
    """What is too large is read and dropped: a client that is still sending would not see an answer."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.body:
        size += len(chunk)
        if size > json_body.MOST_BYTES:
            chunks.clear()
        else:
            chunks.append(chunk)
    if size > json_body.MOST_BYTES:
        raise json_body.too_large()
    return b"".join(chunks)
