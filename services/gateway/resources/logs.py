"""GET /kapacitor/v1preview/logs: the log lines of all processes, as they are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from quart import Blueprint, Response, request

from grammar.golang.json_writer import encode
from services.gateway.clients.processes import LogLines, Processes
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import PREVIEW
from services.process import log as logs

_LEVELS = ("debug", "info", "warn", "error")


def resource(processes: Processes, stop: asyncio.Event) -> Resource:
    """The route. stop: ends all streams."""
    return Resource("logs", routes=_routes(processes, stop))


def _routes(processes: Processes, stop: asyncio.Event) -> Blueprint:
    routes = new_blueprint("logs", PREVIEW)

    @routes.get("/logs")
    @described(
        Description(
            about="The log lines of all processes from now on; each parameter is a key and the value it must have.",
            answers={200: ("application/logfmt", "application/json")},
        )
    )
    async def stream() -> Response:
        """Each parameter is a key that a line must have with that value; `lvl=info+` is that level and those above."""
        wanted: dict[str, str] = {}
        for key, values in request.args.to_dict(flat=False).items():
            if len(values) != 1:
                raise OperationError(400, "query params cannot contain duplicate params")
            wanted[key] = values[0]
        json = request.headers.get("Accept") == "application/json"
        kind = "application/json" if json else "application/logfmt"
        processes.check_room()
        response = Response(_lines(processes, stop, wanted, json), 200, content_type=kind)
        response.timeout = None
        return response

    return routes


def fits(pairs: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a line has what is asked for."""
    for key, value in wanted.items():
        least = value.removesuffix("+")
        if key == "lvl" and value.endswith("+") and least in _LEVELS:
            if pairs.get("lvl") not in _LEVELS[_LEVELS.index(least) :]:
                return False
        elif pairs.get(key) != value:
            return False
    return True


async def _lines(
    processes: Processes, stop: asyncio.Event, wanted: Mapping[str, str], json: bool
) -> AsyncIterator[bytes]:
    stopping = asyncio.ensure_future(stop.wait())
    coming: asyncio.Future[tuple[LogLines, int]] | None = None
    try:
        with processes.session() as session:
            while True:
                coming = asyncio.ensure_future(session.next())
                await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                lines, left_out = coming.result()
                if left_out and (notice := _chosen(LogLines(_left_out(left_out)), wanted, json)):
                    yield notice
                if chosen_lines := _chosen(lines, wanted, json):
                    yield chosen_lines
    finally:
        stopping.cancel()
        if coming is not None:
            coming.cancel()


def _chosen(lines: LogLines, wanted: Mapping[str, str], json: bool) -> bytes:
    """Those of the lines that are asked for."""
    if json:
        chosen = (found for found, pairs in zip(lines.objects, lines.pairs, strict=True) if fits(pairs, wanted))
        return b"".join(encode(found) + b"\n" for found in chosen)
    if not wanted:
        return "".join(f"{text}\n" for text in lines.texts).encode()
    texts = (text for text, pairs in zip(lines.texts, lines.pairs, strict=True) if fits(pairs, wanted))
    return "".join(f"{text}\n" for text in texts).encode()


def _left_out(count: int) -> bytes:
    notice = {"lvl": "warn", "msg": "lines are left out: they come faster than they are taken", "service": "http"}
    return logs.logfmt(**notice, count=count).encode()
