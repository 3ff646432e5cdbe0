"""The resource /sideload."""

from __future__ import annotations

from services.gateway.commands.operations import Operations
from services.gateway.operation import Operation, Question, Reply


def operations(commands: Operations) -> list[Operation]:
    """Reading anew."""

    async def reload(asked: Question) -> Reply:
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
