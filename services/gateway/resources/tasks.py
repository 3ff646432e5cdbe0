"""The resource /tasks over HTTP."""

from __future__ import annotations

from typing import Any

import orjson
from quart import Blueprint, Response, request

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands


def blueprint(commands: TaskCommands, reads: TaskReads) -> Blueprint:
    """The routes."""
    routes = Blueprint("tasks", __name__)

    @routes.get("/tasks")
    async def list_tasks() -> Response:
        parameters: dict[str, Any] = request.args.to_dict()
        if "fields" in parameters:
            parameters["fields"] = request.args.getlist("fields")
        return answer(200, await reads.list(parameters))

    @routes.post("/tasks")
    async def create_task() -> Response:
        return answer(200, await reads.show(await commands.create(await _body())))

    @routes.get("/tasks/<rest:path>")
    async def get_task(path: str) -> Response:
        id, slash, endpoint = _id(path).partition("/")
        if slash:
            return answer(*await reads.endpoint(id, endpoint))
        return answer(200, await reads.get(id, request.args.to_dict()))

    @routes.patch("/tasks/<rest:id>")
    async def update_task(id: str) -> Response:
        before, record = await commands.update(_id(id), await _body())
        shown = await reads.show(record)
        # What was wrong before the change is still told once, as Kapacitor 1.5.7 does.
        shown["error"] = before["error"]
        return answer(200, shown)

    @routes.delete("/tasks/<rest:id>")
    async def delete_task(id: str) -> Response:
        await commands.delete(_id(id))
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes


def _id(path: str) -> str:
    if not path:
        raise Refusal(400, "must specify task id on path")
    return path


async def _body() -> Any:
    try:
        return orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error
