"""The resource /tasks over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response, request

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.refusal import Refusal
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.resources.bodies import id_of, json_body, list_parameters


def blueprint(commands: TaskCommands, reads: TaskReads) -> Blueprint:
    """The routes."""
    routes = Blueprint("tasks", __name__)

    @routes.get("/tasks")
    async def list_tasks() -> Response:
        return answer(200, await reads.list(list_parameters()))

    @routes.post("/tasks")
    async def create_task() -> Response:
        return answer(200, await reads.show(await commands.create(await json_body())))

    @routes.get("/tasks/<rest:path>")
    async def get_task(path: str) -> Response:
        id, slash, endpoint = id_of(path, "task").partition("/")
        if slash:
            return answer(*await reads.endpoint(id, endpoint))
        return answer(200, await reads.get(id, request.args.to_dict()))

    @routes.patch("/tasks/<rest:id>")
    async def update_task(id: str) -> Response:
        before, record = await commands.update(id_of(id, "task"), await json_body())
        shown = await reads.show(record)
        # What was wrong before the change is still told once, as Kapacitor 1.5.7 does.
        shown["error"] = before["error"]
        return answer(200, shown)

    @routes.delete("/tasks/<rest:id>")
    async def delete_task(id: str) -> Response:
        await commands.delete(id_of(id, "task"))
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
