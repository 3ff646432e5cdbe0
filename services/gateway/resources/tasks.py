"""The resource /tasks."""

from __future__ import annotations

from schemas.api.task import (
    CreateTaskSchema,
    DeleteTaskSchema,
    EndpointSchema,
    GetTaskSchema,
    ListTasksSchema,
    TaskListSchema,
    TaskSchema,
    UpdateTaskSchema,
)
from services.gateway.commands.tasks import TaskCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.parameters import text
from services.gateway.queries.tasks import TaskQueries


def resource(commands: TaskCommands, queries: TaskQueries) -> Resource:
    """What can be done with tasks."""
    return Resource("tasks", _operations(commands, queries))


def _operations(commands: TaskCommands, queries: TaskQueries) -> list[Operation]:
    async def create(request: OperationRequest) -> Reply:
        return 200, await queries.show(await commands.create(request.body))

    async def update(request: OperationRequest) -> Reply:
        before, record = await commands.update(request.id, request.body)
        # What was wrong before the change is still told once, as Kapacitor 1.5.7 does.
        return 200, await queries.show(record) | {"error": before.error}

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id, text(request, "alerts"))
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return 200, await queries.get(request.id, request.parameters)

    async def endpoint(request: OperationRequest) -> Reply:
        return await queries.endpoint(request.id, request.names["endpoint"])

    async def list_(request: OperationRequest) -> Reply:
        return 200, await queries.list(request.parameters)

    return [
        Operation(
            kind="task",
            verb="list",
            method="GET",
            path="/tasks",
            about="Tasks, in the order of the bytes of their ids.",
            parameters=ListTasksSchema,
            answers={200: TaskListSchema},
            run=list_,
        ),
        Operation(
            kind="task",
            verb="create",
            method="POST",
            path="/tasks",
            about="Define a task, and run it if it is to be enabled. 500: it is there, but cannot start.",
            body=CreateTaskSchema,
            answers={200: TaskSchema},
            errors=(400, 403, 500),
            run=create,
        ),
        Operation(
            kind="task",
            verb="get",
            method="GET",
            path="/tasks/{id}",
            noun="task",
            about="A task.",
            also=("image/svg+xml",),
            parameters=GetTaskSchema,
            answers={200: TaskSchema},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind="task",
            verb="endpoint",
            method="GET",
            path="/tasks/{id}/{endpoint}",
            about="What an httpOut node of a task shows. 500: a value that JSON cannot hold.",
            answers={200: EndpointSchema},
            errors=(404, 500),
            run=endpoint,
        ),
        Operation(
            kind="task",
            verb="update",
            method="PATCH",
            path="/tasks/{id}",
            noun="task",
            about="Change, enable or disable a task. 409: it is not as `unmodified-since` says any more. 500: it "
            "cannot start, or the new id is taken.",
            body=UpdateTaskSchema,
            answers={200: TaskSchema},
            errors=(400, 403, 404, 409, 500),
            run=update,
        ),
        Operation(
            kind="task",
            verb="delete",
            method="DELETE",
            path="/tasks/{id}",
            noun="task",
            about="Delete a task and stop it; no error where there is none.",
            parameters=DeleteTaskSchema,
            answers={204: None},
            run=delete,
        ),
    ]
