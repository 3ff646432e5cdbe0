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
from services.gateway.commands.task_reads import TaskReads
from services.gateway.commands.tasks import TaskCommands
from services.gateway.operation import Operation, Question, Reply
from services.gateway.resources.parameters import text


def operations(commands: TaskCommands, reads: TaskReads) -> list[Operation]:
    """What can be done with tasks."""

    async def create(asked: Question) -> Reply:
        return 200, await reads.show(await commands.create(asked.body))

    async def update(asked: Question) -> Reply:
        before, record = await commands.update(asked.id, asked.body)
        # What was wrong before the change is still told once, as Kapacitor 1.5.7 does.
        return 200, await reads.show(record) | {"error": before["error"]}

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.id, text(asked, "alerts"))
        return 204, None

    async def get(asked: Question) -> Reply:
        return 200, await reads.get(asked.id, asked.parameters)

    async def endpoint(asked: Question) -> Reply:
        return await reads.endpoint(asked.id, asked.names["endpoint"])

    async def list_(asked: Question) -> Reply:
        return 200, await reads.list(asked.parameters)

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
            errors=(400, 500),
            run=create,
        ),
        Operation(
            kind="task",
            verb="get",
            method="GET",
            path="/tasks/{id}",
            noun="task",
            about="A task.",
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
            about="Change, enable or disable a task. 500: it cannot start, or the new id is taken.",
            body=UpdateTaskSchema,
            answers={200: TaskSchema},
            errors=(400, 404, 500),
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
