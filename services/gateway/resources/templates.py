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
from services.gateway.commands.template_reads import TemplateReads
from services.gateway.commands.templates import TemplateCommands
from services.gateway.operation import Operation, Question, Reply


def operations(commands: TemplateCommands, reads: TemplateReads) -> list[Operation]:
    """What can be done with templates."""

    async def create(asked: Question) -> Reply:
        return 200, reads.show(await commands.create(asked.body))

    async def update(asked: Question) -> Reply:
        return 200, reads.show(await commands.update(asked.id, asked.body))

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.id)
        return 204, None

    async def get(asked: Question) -> Reply:
        return 200, reads.get(asked.id, asked.parameters)

    async def list_(asked: Question) -> Reply:
        return 200, reads.list(asked.parameters)

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
