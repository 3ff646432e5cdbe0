"""What can be done with traces, and likewise with backtests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from schemas.api.inspections.inspection import ResultsParametersSchema, ResultsSchema
from schemas.api.recording import ListSchema
from services.gateway.inspections.commands import InspectionCommands
from services.gateway.inspections.queries import InspectionQueries
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.store.folds.inspections import InspectionRecord

Create = Callable[[Any], Awaitable[InspectionRecord]]
"""Has one begun as a body asks for; gives its record. Raises OperationError."""


@dataclass(frozen=True, slots=True)
class Described:
    """How those of one kind are told of. about: what asking for one does."""

    kind: str
    about: str
    body: type[Schema]
    one: type[Schema]
    several: type[Schema]


def operations(
    of: Described, create: Create, commands: InspectionCommands, queries: InspectionQueries
) -> list[Operation]:
    """Asking for one, showing one or all, reading what one has found, and deleting it."""
    kind, path = of.kind, f"/{of.kind}s"

    async def new(request: OperationRequest) -> Reply:
        return 201, queries.new(await create(request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return await queries.one(request.id)

    async def list_(request: OperationRequest) -> Reply:
        return 200, await queries.list(request.parameters)

    async def results(request: OperationRequest) -> Reply:
        return 200, await queries.results(request.id, request.parameters)

    return [
        Operation(
            kind=kind,
            verb="list",
            method="GET",
            path=path,
            about=f"All {kind}s, the newest first.",
            parameters=ListSchema,
            answers={200: of.several},
            run=list_,
        ),
        Operation(
            kind=kind,
            verb="create",
            method="POST",
            path=path,
            about=of.about,
            body=of.body,
            answers={201: of.one},
            errors=(400, 404, 409, 410),
            run=new,
        ),
        Operation(
            kind=kind,
            verb="get",
            method="GET",
            path=f"{path}/{{id}}",
            noun=kind,
            about=f"A {kind}; 202 while it runs.",
            answers={200: of.one, 202: of.one},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind=kind,
            verb="results",
            method="GET",
            path=f"{path}/{{id}}/results",
            about=f"What a {kind} has found, line by line, as far as it has come.",
            parameters=ResultsParametersSchema,
            answers={200: ResultsSchema},
            errors=(400, 404),
            run=results,
        ),
        Operation(
            kind=kind,
            verb="delete",
            method="DELETE",
            path=f"{path}/{{id}}",
            noun=kind,
            about=f"Delete a {kind}, stopping it; no error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]
