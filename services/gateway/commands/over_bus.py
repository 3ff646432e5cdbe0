"""Operations as commands on the bus: the same deciding, JSON and errors as over HTTP.

The shape of their replies is in schemas.requests.commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from grammar.golang.json_writer import encode
from schemas.requests.commands import encode_reply
from services.bus.connection import Bus
from services.bus.requests import Responder
from services.bus.subjects import command_subject
from services.gateway.access.audit import USER_HEADER, Caller, calling, changes_over_bus
from services.gateway.operations.json_body import parse_json
from services.gateway.operations.operation import Operation, OperationRequest
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import whole
from services.process import log as logs

QUEUE = "gateway"
"""Of all gateways one answers each command."""

_log = logs.get("gateway")


def serve(bus: Bus, operations: Iterable[Operation]) -> list[Responder]:
    """Answer `tickbus.command.<kind>.<verb>`, until `finish`."""
    return [bus.answer(command_subject(one.kind, one.verb), _handler(one), QUEUE) for one in operations]


async def finish(answering: Iterable[Responder], stop: asyncio.Event, timeout: float) -> None:
    """Take no more commands once `stop` is set; those under way then have `timeout` seconds to be answered."""
    await stop.wait()
    await asyncio.gather(*(one.drain(timeout) for one in answering))


def _handler(operation: Operation) -> Callable[[bytes, Mapping[str, str]], Awaitable[bytes]]:
    async def handle(data: bytes, headers: Mapping[str, str]) -> bytes:
        asked = ""
        with calling(Caller(headers.get(USER_HEADER, ""), "bus")) as by:
            try:
                question = _question(operation, parse_json(data) if data else {})
                asked = " ".join(question.names.values())
                status, body = await operation.run(question)
                answer = await whole(body)
            except OperationError as refusal:
                status, answer = refusal.status, encode({"error": str(refusal)})
            except Exception as error:
                _log.exception("command failed", error)
                status, answer = 500, encode({"error": "internal error, see the log"})
        if changes_over_bus(operation.method, operation.verb):
            by.wrote(f"{operation.kind} {operation.verb} {asked}".rstrip(), status=status)
        return encode_reply(status, answer)

    return handle


def _question(operation: Operation, asked: Any) -> OperationRequest:
    """Without names in the path, what was asked is the body, or else the parameters."""
    names = {name: _name(operation, asked, name) for name in operation.names}
    if operation.body and not names:
        body, parameters = asked, {}
    elif not isinstance(asked, dict) or (operation.body and "body" not in asked and not operation.bare):
        raise invalid_json()
    else:
        body = asked.get("body") if operation.body else None
        parameters = {} if operation.body else asked
    return OperationRequest(names, parameters, body, _link(operation, names, parameters))


def _name(operation: Operation, asked: Any, name: str) -> str:
    given = asked.get(name) if isinstance(asked, dict) else None
    if not isinstance(given, str) or (operation.noun and not given):
        raise OperationError(400, f"must specify {operation.noun or operation.kind} {name}")
    return given


def _link(operation: Operation, names: Mapping[str, str], parameters: Mapping[str, Any]) -> str:
    """A name at the end stands there as it is, slashes included; in others they would divide the path."""
    takes_slashes = operation.slashes or (operation.path.endswith("}") and not operation.segment)
    last = operation.names[-1] if takes_slashes else ""
    parts = [part[1:-1] if part.startswith("{") else "" for part in operation.path.split("/")]
    path = "/".join(
        quote(names[name], safe="/:" if name == last else ":") if name else part
        for name, part in zip(parts, operation.path.split("/"), strict=True)
    )
    given = {name: value for name, value in parameters.items() if name not in names}
    return BASE + path + (f"?{urlencode(given, doseq=True)}" if given else "")
