"""The resource /templates."""

from __future__ import annotations

from schemas.api.template import (
    CreateTemplateSchema,
    GetTemplateSchema,
    ListTemplatesSchema,
    TemplateListSchema,
    TemplateSchema,
    UpdateTemplateSchema,
)
from services.gateway.commands.templates import TemplateCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.templates import TemplateQueries


def resource(commands: TemplateCommands, queries: TemplateQueries) -> Resource:
    """What can be done with templates."""
    return Resource("templates", _operations(commands, queries))


def _operations(commands: TemplateCommands, queries: TemplateQueries) -> list[Operation]:
    async def create(request: OperationRequest) -> Reply:
        return 200, await queries.show(await commands.create(request.body))

    async def update(request: OperationRequest) -> Reply:
        return 200, await queries.show(await commands.update(request.id, request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return 200, await queries.get(request.id, request.parameters)

    async def list_(request: OperationRequest) -> Reply:
        return 200, queries.list(request.parameters)

    return [
        Operation(
            kind="template",
            verb="list",
            method="GET",
            path="/templates",
            about="Templates, in the order of the bytes of their ids.",
            parameters=ListTemplatesSchema,
            answers={200: TemplateListSchema},
            run=list_,
        ),
        Operation(
            kind="template",
            verb="create",
            method="POST",
            path="/templates",
            about="Define a template.",
            body=CreateTemplateSchema,
            answers={200: TemplateSchema},
            run=create,
        ),
        Operation(
            kind="template",
            verb="get",
            method="GET",
            path="/templates/{id}",
            noun="template",
            about="A template.",
            also=("image/svg+xml",),
            parameters=GetTemplateSchema,
            answers={200: TemplateSchema},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind="template",
            verb="update",
            method="PATCH",
            path="/templates/{id}",
            noun="template",
            about="Change a template and its tasks with it. 500: a task cannot run so, or the new id is taken.",
            body=UpdateTemplateSchema,
            answers={200: TemplateSchema},
            errors=(400, 404, 500),
            run=update,
        ),
        Operation(
            kind="template",
            verb="delete",
            method="DELETE",
            path="/templates/{id}",
            noun="template",
            about="Delete a template; its tasks stay as they are. No error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]
