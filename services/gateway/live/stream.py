"""The stream of one viewer's events, for as long as they may see them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from services.gateway.access.admission import Admission, admission
from services.gateway.access.privileges import Denied
from services.gateway.live.live import Live
from services.gateway.live.viewer import Viewer, Wanted, frame

_PING_SECONDS = 15.0
_PING = b": ping\n\n"
_BEGINNING = b"retry: 2000\n\n"
_AGAIN_SECONDS = 15.0  # after which it is looked again whether the credentials hold
_LEAST_SECONDS = 0.05  # between two pieces: what comes in quick succession is sent together


def may_read() -> Callable[[str], bool]:
    """Whether whoever the present request comes from may read a path of the API."""
    who = admission()
    return who.may_read if who is not None else lambda path: True


async def events(live: Live, wanted: Wanted, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """The events for whoever the present request comes from: until they may not see them any more, or all are to end.

    wanted: as Live.check gave it. stop: ends all streams.
    """
    who = admission()
    stopping = asyncio.ensure_future(stop.wait())
    coming: asyncio.Future[bytes] | None = None
    try:
        with live.viewer(wanted) as viewer:
            yield _BEGINNING
            looked = time.monotonic()
            while True:
                coming = asyncio.ensure_future(viewer.next(_PING_SECONDS))
                await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                if who is not None and (viewer.doubted or time.monotonic() - looked > _AGAIN_SECONDS):
                    looked = time.monotonic()
                    try:
                        if await _is_another(viewer, who):
                            return
                    except Denied as denied:
                        yield frame("denied", {"error": str(denied)})
                        return
                yield coming.result() or _PING
                await asyncio.sleep(_LEAST_SECONDS)
    finally:
        stopping.cancel()
        if coming is not None:
            coming.cancel()


async def _is_another(viewer: Viewer, who: Admission) -> bool:
    """Whether the user was changed since the stream began. Raises Denied where they may not go on."""
    viewer.doubted = False
    return await who.again() != who.user
