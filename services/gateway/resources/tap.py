"""GET /tasks/TASK/tap: what leaves the nodes of a task, as it happens."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator

from quart import Blueprint, Response, request

from grammar.golang.durations import parse_go_duration
from schemas.api.tap import TapParametersSchema
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.taps import TapClient
from services.gateway.http.list_response import respond
from services.gateway.http.over_http import described, new_blueprint, parameters
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description, OperationRequest
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.parameters import tags_of, text
from services.gateway.readmodels.tasks import TaskReadModel

_RATE, _MOST_RATE = 100, 1000
_NDJSON = "application/x-ndjson"


def resource(taps: TapClient, engine: EngineClient, tasks: TaskReadModel, stop: asyncio.Event) -> Resource:
    """The route. stop: ends all streams."""
    return Resource("tap", routes=_routes(taps, engine, tasks, stop))


def _routes(taps: TapClient, engine: EngineClient, tasks: TaskReadModel, stop: asyncio.Event) -> Blueprint:
    routes = new_blueprint("tap")

    @routes.get("/tasks/<rest:id>/tap")
    @described(
        Description(
            about="What leaves the nodes of a task from now on, a line of JSON each point, batch and barrier with its "
            "node and group; of what comes faster than the rate an even part, and lines that count what is left out. "
            "Without parameters, of a task with an httpOut node of this name, what that shows.",
            parameters=TapParametersSchema,
            answers={200: (_NDJSON,)},
            errors=(400, 404, 409),
        )
    )
    async def stream(id: str) -> Response:
        asked = OperationRequest({"id": id}, parameters(), None, request.path)
        tags, rate, seconds = tags_of(text(asked, "group")), _rate(text(asked, "rate")), _seconds(text(asked, "for"))
        record = tasks.get(id)
        if record is None:
            raise OperationError(404, "no task exists")
        if record.run is None or not record.executing:
            raise OperationError(409, f"task {id} does not run")
        # as with Kapacitor, where an httpOut node may have this name
        shown = None if request.query_string else await engine.endpoint(id, record.run, "tap")
        if shown is not None and shown[0] != 404:
            return await respond(*shown)
        lines = taps.lines(id, text(asked, "node"), tags, rate)
        await anext(lines)  # what is refused is told by the status
        response = Response(_until(lines, seconds, stop), 200, content_type=_NDJSON)
        response.timeout = None
        return response

    return routes


def _rate(given: str) -> int:
    if not given:
        return _RATE
    if not (given.isascii() and given.isdigit() and len(given) < 6 and 1 <= int(given) <= _MOST_RATE):
        raise OperationError(400, f"rate: {given!r} is no number of rows a second from 1 to {_MOST_RATE}")
    return int(given)


def _seconds(given: str) -> float:
    if not given:
        return math.inf
    try:
        duration = parse_go_duration(given)
    except ValueError as error:
        raise OperationError(400, f"for: {given!r} is no duration as 10s or 1m30s") from error
    if duration <= 0:
        raise OperationError(400, "for: must be more than 0")
    return duration / 1e9


async def _until(lines: AsyncIterator[bytes], seconds: float, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """The lines, for so many seconds and until all streams are to end."""
    stopping = asyncio.ensure_future(stop.wait())
    end = time.monotonic() + seconds
    coming: asyncio.Future[bytes] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(lines))
            left = None if math.isinf(end) else max(end - time.monotonic(), 0)
            await asyncio.wait([coming, stopping], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            try:
                found = coming.result()
            except StopAsyncIteration:
                return
            yield found
    finally:
        stopping.cancel()
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait([coming])
        await lines.aclose()  # type: ignore[attr-defined]
