"""The commands over the bus: the same deciding, JSON and errors as over HTTP. Shapes: schemas.api.commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from marshmallow import ValidationError

from schemas.api.commands import UpdateCommandSchema
from services import log as logs
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from services.gateway.commands.figures import Figures
from services.gateway.commands.operations import Operations
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.recordings import RecordingCommands
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.commands.replays import ReplayCommands
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands

QUEUE = "gateway"
"""Of all gateways one answers each command."""

Reply = tuple[int, Any]
Command = Callable[[Any], Awaitable[Reply]]

_log = logs.get("gateway")


def serve_commands(bus: Bus, kinds: Mapping[str, Mapping[str, Command]]) -> list[Answering]:
    """Answer `tickbus.command.<kind>.<verb>`; end it by stopping what this gives."""
    return [
        bus.answer(command_subject(kind, verb), _handler(run), QUEUE)
        for kind, verbs in kinds.items()
        for verb, run in verbs.items()
    ]


def task_verbs(commands: TaskCommands, reads: TaskReads) -> Mapping[str, Command]:
    """What can be done with tasks."""

    async def create(body: Any) -> Reply:
        return 200, await reads.show(await commands.create(body))

    async def update(question: Any) -> Reply:
        id, body = _update(question, "task")
        before, record = await commands.update(id, body)
        return 200, await reads.show(record) | {"error": before["error"]}

    async def delete(question: Any) -> Reply:
        await commands.delete(_id(question, "task"))
        return 204, None

    async def get(question: Any) -> Reply:
        return 200, await reads.get(_id(question, "task"), question)

    async def list_(question: Any) -> Reply:
        return 200, await reads.list(question)

    return {"create": create, "update": update, "delete": delete, "get": get, "list": list_}


def template_verbs(commands: TemplateCommands, reads: TemplateReads) -> Mapping[str, Command]:
    """What can be done with templates."""

    async def create(body: Any) -> Reply:
        return 200, reads.show(await commands.create(body))

    async def update(question: Any) -> Reply:
        return 200, reads.show(await commands.update(*_update(question, "template")))

    async def delete(question: Any) -> Reply:
        await commands.delete(_id(question, "template"))
        return 204, None

    async def get(question: Any) -> Reply:
        return 200, reads.get(_id(question, "template"), question)

    async def list_(question: Any) -> Reply:
        return 200, reads.list(question)

    return {"create": create, "update": update, "delete": delete, "get": get, "list": list_}


def operation_verbs(operations: Operations, figures: Figures) -> Mapping[str, Mapping[str, Command]]:
    """What can be done with the server itself, by kind."""

    async def set_level(body: Any) -> Reply:
        await operations.set_level(body)
        return 204, None

    async def reload(body: Any) -> Reply:
        await operations.reload_sideload()
        return 204, None

    async def list_stores(question: Any) -> Reply:
        return 200, operations.stores()

    async def change_store(question: Any) -> Reply:
        operations.change_store(*_update(question, "storage"))
        return 204, None

    async def get_vars(question: Any) -> Reply:
        return 200, await figures.vars()

    return {
        "loglevel": {"update": set_level},
        "sideload": {"reload": reload},
        "storage": {"list": list_stores, "update": change_store},
        "vars": {"get": get_vars},
    }


def recording_verbs(commands: RecordingCommands, reads: RecorderReads) -> Mapping[str, Command]:
    """What can be done with recordings. Files are brought and fetched over HTTP alone."""

    async def stream(body: Any) -> Reply:
        return 201, reads.new("recording", await commands.stream(body))

    async def batch(body: Any) -> Reply:
        return 201, reads.new("recording", await commands.batch(body))

    async def query(body: Any) -> Reply:
        return 201, reads.new("recording", await commands.query(body))

    async def delete(question: Any) -> Reply:
        await commands.delete(_id(question, "recording"))
        return 204, None

    async def get(question: Any) -> Reply:
        return await reads.recording(_id(question, "recording"))

    async def list_(question: Any) -> Reply:
        return 200, await reads.list("recording", question)

    return {"stream": stream, "batch": batch, "query": query, "delete": delete, "get": get, "list": list_}


def replay_verbs(commands: ReplayCommands, reads: RecorderReads) -> Mapping[str, Command]:
    """What can be done with replays."""

    async def create(body: Any) -> Reply:
        return 201, reads.new("replay", await commands.create(body))

    async def batch(body: Any) -> Reply:
        return 201, reads.new("replay", await commands.batch(body))

    async def query(body: Any) -> Reply:
        return 201, reads.new("replay", await commands.query(body))

    async def delete(question: Any) -> Reply:
        await commands.delete(_id(question, "replay"))
        return 204, None

    async def get(question: Any) -> Reply:
        return await reads.replay(_id(question, "replay"))

    async def list_(question: Any) -> Reply:
        return 200, await reads.list("replay", question)

    return {"create": create, "batch": batch, "query": query, "delete": delete, "get": get, "list": list_}


def _handler(run: Command) -> Callable[[bytes, Mapping[str, str]], Awaitable[bytes]]:
    async def handle(data: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            status, body = await run(_json(data))
        except Refusal as refusal:
            status, body = refusal.status, {"error": str(refusal)}
        except Exception as error:
            _log.exception("command failed", error)
            status, body = 500, {"error": "internal error, see the log"}
        return orjson.dumps({"status": status, "body": body})

    return handle


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data) if data else {}
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error


def _update(question: Any, kind: str) -> tuple[str, Any]:
    try:
        given = UpdateCommandSchema().load(question)
    except ValidationError as error:
        raise invalid_json() from error
    return _id(given, kind), given["body"]


def _id(question: Any, kind: str) -> str:
    id = question.get("id") if isinstance(question, dict) else None
    if not isinstance(id, str) or not id:
        raise Refusal(400, f"must specify {kind} id")
    return id
