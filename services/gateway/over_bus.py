"""Operations as commands on the bus: the same deciding, JSON and errors as over HTTP. Shapes: schemas.api.commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from grammar.gotemplate.gojson import encode
from services import log as logs
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from services.gateway.answers import BASE
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.operation import Operation, Question

QUEUE = "gateway"
"""Of all gateways one answers each command."""

_log = logs.get("gateway")


def serve(bus: Bus, operations: Iterable[Operation]) -> list[Answering]:
    """Answer `tickbus.command.<kind>.<verb>`, until `finish`."""
    return [bus.answer(command_subject(one.kind, one.verb), _handler(one), QUEUE) for one in operations]


async def finish(answering: Iterable[Answering], stop: asyncio.Event, timeout: float) -> None:
    """Take no more commands once `stop` is set; those under way then have `timeout` seconds to be answered."""
    await stop.wait()
    await asyncio.gather(*(one.drain(timeout) for one in answering))


def _handler(operation: Operation) -> Callable[[bytes, Mapping[str, str]], Awaitable[bytes]]:
    async def handle(data: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            status, body = await operation.run(_question(operation, _json(data)))
        except Refusal as refusal:
            status, body = refusal.status, {"error": str(refusal)}
        except Exception as error:
            _log.exception("command failed", error)
            status, body = 500, {"error": "internal error, see the log"}
        return encode({"status": status, "body": body})

    return handle


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data) if data else {}
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error


def _question(operation: Operation, asked: Any) -> Question:
    """Without names in the path, what was asked is the body, or else the parameters."""
    names = {name: _name(operation, asked, name) for name in operation.names}
    if operation.body and not names:
        body, parameters = asked, {}
    elif not isinstance(asked, dict) or (operation.body and "body" not in asked):
        raise invalid_json()
    else:
        body, parameters = (asked["body"], {}) if operation.body else (None, asked)
    return Question(names, parameters, body, _link(operation, names, parameters))


def _name(operation: Operation, asked: Any, name: str) -> str:
    given = asked.get(name) if isinstance(asked, dict) else None
    if not isinstance(given, str) or (operation.noun and not given):
        raise Refusal(400, f"must specify {operation.noun or operation.kind} {name}")
    return given


def _link(operation: Operation, names: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    parts = operation.path.split("/")
    path = "/".join(quote(names[part[1:-1]], safe="/:") if part.startswith("{") else part for part in parts)
    given = {name: value for name, value in parameters.items() if name not in names}
    return BASE + path + (f"?{urlencode(given, doseq=True)}" if given else "")
