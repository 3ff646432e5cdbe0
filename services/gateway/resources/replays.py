"""The resource /replays."""

from __future__ import annotations

from schemas.api.recording import ListSchema
from schemas.api.replay import (
    CreateReplaySchema,
    EffectsParametersSchema,
    EffectsSchema,
    ReplayBatchSchema,
    ReplayListSchema,
    ReplayQuerySchema,
    ReplaySchema,
)
from services.gateway.commands.replays import ReplayCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.recordings import RecordingQueries


def resource(commands: ReplayCommands, queries: RecordingQueries) -> Resource:
    """What can be done with replays."""
    return Resource("replays", _operations(commands, queries))


def _operations(commands: ReplayCommands, queries: RecordingQueries) -> list[Operation]:
    async def create(request: OperationRequest) -> Reply:
        return 201, queries.new("replay", await commands.create(request.body))

    async def batch(request: OperationRequest) -> Reply:
        return 201, queries.new("replay", await commands.batch(request.body))

    async def query(request: OperationRequest) -> Reply:
        return 201, queries.new("replay", await commands.query(request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    async def get(request: OperationRequest) -> Reply:
        return await queries.replay(request.id)

    async def effects(request: OperationRequest) -> Reply:
        return 200, await queries.effects(request.id, request.parameters)

    async def list_(request: OperationRequest) -> Reply:
        return 200, await queries.list("replay", request.parameters)

    return [
        Operation(
            kind="replay",
            verb="list",
            method="GET",
            path="/replays",
            about="Replays, the newest first.",
            parameters=ListSchema,
            answers={200: ReplayListSchema},
            run=list_,
        ),
        Operation(
            kind="replay",
            verb="create",
            method="POST",
            path="/replays",
            about="Run an instance of a task on a recording.",
            body=CreateReplaySchema,
            answers={201: ReplaySchema},
            errors=(400, 404, 500),
            run=create,
        ),
        Operation(
            kind="replay",
            verb="batch",
            method="POST",
            path="/replays/batch",
            about="Run an instance of a task on what its queries give for a time.",
            body=ReplayBatchSchema,
            answers={201: ReplaySchema},
            errors=(400, 404, 500),
            run=batch,
        ),
        Operation(
            kind="replay",
            verb="query",
            method="POST",
            path="/replays/query",
            about="Run an instance of a task on what one query gives.",
            body=ReplayQuerySchema,
            answers={201: ReplaySchema},
            errors=(400, 404, 500),
            run=query,
        ),
        Operation(
            kind="replay",
            verb="get",
            method="GET",
            path="/replays/{id}",
            noun="replay",
            about="A replay; 202 while it runs.",
            answers={200: ReplaySchema, 202: ReplaySchema},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind="replay",
            verb="effects",
            method="GET",
            path="/replays/{id}/effects",
            noun="replay",
            about="What a replay without side effects would have done, as far as it has come.",
            parameters=EffectsParametersSchema,
            answers={200: EffectsSchema},
            errors=(400, 404),
            run=effects,
        ),
        Operation(
            kind="replay",
            verb="delete",
            method="DELETE",
            path="/replays/{id}",
            noun="replay",
            about="Delete a replay, stopping it; no error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]
