"""GET /live: the whole server as it happens, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from quart import Blueprint, Response

from schemas.api.live import EVENTS, LiveParametersSchema
from services.gateway.access.admission import Admission, admission
from services.gateway.access.privileges import Denied
from services.gateway.http.over_http import described, new_blueprint, parameters
from services.gateway.http.resource import Resource
from services.gateway.live.live import Live
from services.gateway.live.viewer import Viewer, Wanted, frame
from services.gateway.operations.operation import Description
from services.gateway.operations.reading import read_strictly

_EVENT_STREAM = "text/event-stream"
_PING_SECONDS = 15.0
_PING = b": ping\n\n"
_BEGINNING = b"retry: 2000\n\n"
_AGAIN_SECONDS = 15.0  # after which it is looked again whether the credentials hold
_LEAST_SECONDS = 0.05  # between two pieces: what comes in quick succession is sent together
_PARAMETERS = LiveParametersSchema()


def resource(live: Live, stop: asyncio.Event) -> Resource:
    """The route. stop: ends all streams."""
    return Resource("live", routes=_routes(live, stop))


def _routes(live: Live, stop: asyncio.Event) -> Blueprint:
    routes = new_blueprint("live")

    @routes.get("/live")
    @described(
        Description(
            about="The whole server as it happens, as server-sent events: services, tasks, alerts, changes of "
            "resources, logs, the nodes of a task. The data of each event is one line of JSON; a comment comes every "
            "15 s. Who reads too slowly is told of the events left out, and holds up nobody.",
            parameters=LiveParametersSchema,
            answers={200: (_EVENT_STREAM,)},
            events=EVENTS,
            errors=(400, 403, 404),
        )
    )
    async def stream() -> Response:
        given = read_strictly(_PARAMETERS, parameters())
        who = admission()
        may = {"may": who.may_read} if who is not None else {}
        kinds = frozenset(filter(None, given["kinds"].split(",")))
        wanted = live.check(Wanted(kinds, given["task"], given["topic"], given["level"], **may))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = Response(_events(live, wanted, who, stop), 200, headers, content_type=_EVENT_STREAM)
        response.timeout = None
        return response

    return routes


async def _events(live: Live, wanted: Wanted, who: Admission | None, stop: asyncio.Event) -> AsyncIterator[bytes]:
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
