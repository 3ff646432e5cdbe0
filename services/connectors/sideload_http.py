"""How sideload sources behind a URL are read: not over addresses that nobody may speak to, and what logs in to one host
is sent to no other that it sends on to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from services.connectors.http_sender import checking
from services.connectors.sideload_files import MOST_BYTES, Files
from services.process.permissions import Guard

_READ_BYTES = 1 << 16
_SECRET = ("authorization", "cookie", "proxy-authorization")


async def document(url: str, headers: Mapping[str, str], seconds: float, guard: Guard) -> Files:
    """The document behind a URL. Raises ValueError where it cannot be read, or must not, or there is too much of it."""
    # it takes 0.15 s and 10 MB, which only tasks with such a source pay
    import httpx

    data = bytearray()
    extensions = {"trace": checking(guard)} if guard.blocks else {}
    try:
        first = httpx.URL(url)

        async def sent_on(request: httpx.Request) -> None:
            if request.url.netloc != first.netloc:
                for name in _SECRET:
                    request.headers.pop(name, None)

        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(
                timeout=None,
                follow_redirects=True,
                event_hooks={"request": [sent_on]},
                headers={"User-Agent": "tickbus"},
            ) as client,
            client.stream("GET", first, headers=dict(headers), extensions=extensions) as answer,
        ):
            if answer.status_code >= 400:
                raise ValueError(f"HTTP Error {answer.status_code}: {answer.reason_phrase}")
            async for chunk in answer.aiter_bytes(_READ_BYTES):
                data += chunk
                if len(data) > MOST_BYTES:
                    raise ValueError(f"larger than {MOST_BYTES} bytes")
    except TimeoutError:
        raise ValueError(f"not read within {seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    return [("", bytes(data))]
