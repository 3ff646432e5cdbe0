"""The resource /sideload."""

from __future__ import annotations

from services.gateway.commands.server import ServerCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply


def resource(commands: ServerCommands) -> Resource:
    """Reading anew."""
    return Resource("sideload", _operations(commands))


def _operations(commands: ServerCommands) -> list[Operation]:
    async def reload(request: OperationRequest) -> Reply:
        await commands.reload_sideload()
        return 204, None

    return [
        Operation(
            kind="sideload",
            verb="reload",
            method="POST",
            path="/sideload/reload",
            about="Have all workers read anew what sideload nodes look up. 500: a source cannot be read.",
            answers={204: None},
            errors=(500,),
            run=reload,
        )
    ]
