"""GET /live: the whole server as it happens, as server-sent events."""

from __future__ import annotations

import asyncio

from quart import Blueprint, Response

from schemas.api.watching.live import EVENTS, LiveParametersSchema
from services.gateway.http.over_http import described, new_blueprint, parameters
from services.gateway.http.resource import Resource
from services.gateway.live.live import Live
from services.gateway.live.stream import events, may_read
from services.gateway.live.viewer import Wanted
from services.gateway.operations.operation import Description
from services.gateway.operations.reading import read_strictly

_EVENT_STREAM = "text/event-stream"
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
        kinds = frozenset(filter(None, given["kinds"].split(",")))
        wanted = live.check(Wanted(kinds, given["task"], given["topic"], given["level"], may_read()))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = Response(events(live, wanted, stop), 200, headers, content_type=_EVENT_STREAM)
        response.timeout = None
        return response

    return routes
