"""GET /kapacitor/v1preview/logs: the log lines of all processes, as they are written."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

from quart import Blueprint, Response, request

from grammar.gotemplate.gojson import encode
from services.gateway.answers import PREVIEW
from services.gateway.commands.refusal import Refusal
from services.gateway.operation import Description
from services.gateway.over_http import described, new_blueprint
from services.gateway.processes import Processes

_LEVELS = ("debug", "info", "warn", "error")
_PAIR = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def blueprint(processes: Processes, stop: asyncio.Event) -> Blueprint:
    """The route. stop: ends all streams."""
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
                raise Refusal(400, "query params cannot contain duplicate params")
            wanted[key] = values[0]
        json = request.headers.get("Accept") == "application/json"
        kind = "application/json" if json else "application/logfmt"
        response = Response(_lines(processes, stop, wanted, json), 200, content_type=kind)
        response.timeout = None
        return response

    return routes


def parse(line: str) -> dict[str, str]:
    """The keys and values of a line of logfmt."""
    return {key: plain if not quoted else _ESCAPE.sub(_unescaped, quoted) for key, quoted, plain in _PAIR.findall(line)}


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
    coming: asyncio.Future[str] | None = None
    try:
        with processes.session() as session:
            while True:
                coming = asyncio.ensure_future(session.next())
                await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                pairs = parse(coming.result())
                if fits(pairs, wanted):
                    yield encode(pairs) + b"\n" if json else coming.result().encode() + b"\n"
    finally:
        stopping.cancel()
        if coming is not None:
            coming.cancel()


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _ESCAPED.get(match[2], match[2])
