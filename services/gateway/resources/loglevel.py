"""The resource /loglevel."""

from __future__ import annotations

from schemas.api.operations import LogLevelSchema
from services.gateway.commands.operations import Operations
from services.gateway.operation import Operation, Question, Reply


def operations(commands: Operations) -> list[Operation]:
    """Setting the level."""

    async def update(asked: Question) -> Reply:
        await commands.set_level(asked.body)
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
