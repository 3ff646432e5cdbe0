"""Answers over HTTP, in JSON or as they are; long lists are sent as they are made."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from quart import Response

from services.gateway.http.answers import JSON, answer
from services.gateway.operations.streamed_list import StreamedList, chunks
from services.gateway.operations.text_body import TextBody

_WHOLE_BYTES = 256 << 10
"""Up to here an answer is sent whole, with its length."""


async def respond(status: int, body: Any) -> Response:
    """An answer in JSON, or a text as it is. Long lists are sent as they are made."""
    if isinstance(body, TextBody):
        return Response(body.text, status, dict(body.headers), content_type=body.content_type)
    if not isinstance(body, StreamedList):
        return answer(status, body)
    coming = chunks(body, indented=True)
    begun: list[bytes] = []
    size = 0
    async for chunk in coming:
        begun.append(chunk)
        size += len(chunk)
        if size > _WHOLE_BYTES:
            response = Response(_after(begun, coming), status, content_type=JSON.decode())
            response.timeout = None
            return response
    return Response(b"".join(begun), status, content_type=JSON.decode())


async def _after(begun: list[bytes], coming: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(coming):
        yield b"".join(begun)
        begun.clear()
        async for chunk in coming:
            yield chunk
