"""The resource /loglevel."""

from __future__ import annotations

from schemas.api.operations import LogLevelSchema
from services.gateway.commands.server import ServerCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply


def resource(commands: ServerCommands) -> Resource:
    """Setting the level."""
    return Resource("loglevel", _operations(commands))


def _operations(commands: ServerCommands) -> list[Operation]:
    async def update(request: OperationRequest) -> Reply:
        await commands.set_level(request.body)
        return 204, None

    return [
        Operation(
            kind="loglevel",
            verb="update",
            method="POST",
            path="/loglevel",
            about="Have all processes log from a level up.",
            body=LogLevelSchema,
            answers={204: None},
            run=update,
        )
    ]
