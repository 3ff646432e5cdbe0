"""The resource /replays."""

from __future__ import annotations

from schemas.api.recording import ListSchema
from schemas.api.replay import CreateReplaySchema, ReplayBatchSchema, ReplayListSchema, ReplayQuerySchema, ReplaySchema
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.replays import ReplayCommands
from services.gateway.operation import Operation, Question, Reply


def operations(commands: ReplayCommands, reads: RecorderReads) -> list[Operation]:
    """What can be done with replays."""

    async def create(asked: Question) -> Reply:
        return 201, reads.new("replay", await commands.create(asked.body))

    async def batch(asked: Question) -> Reply:
        return 201, reads.new("replay", await commands.batch(asked.body))

    async def query(asked: Question) -> Reply:
        return 201, reads.new("replay", await commands.query(asked.body))

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.id)
        return 204, None

    async def get(asked: Question) -> Reply:
        return await reads.replay(asked.id)

    async def list_(asked: Question) -> Reply:
        return 200, await reads.list("replay", asked.parameters)

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
            verb="delete",
            method="DELETE",
            path="/replays/{id}",
            noun="replay",
            about="Delete a replay, stopping it; no error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]
