"""Topic handlers as a load directory declares them."""

from __future__ import annotations

from typing import Any

from services.gateway.commands.handlers import HandlerCommands


class DeclaredHandlers:
    """The commands, with TOPIC/ID for a name and the topic in the body."""

    def __init__(self, commands: HandlerCommands) -> None:
        self._commands = commands

    async def check(self, body: Any) -> None:
        """Nothing, unless this cannot be. Raises OperationError."""
        self._commands.check(body["topic"], body)

    async def declare(self, body: Any) -> int:
        """Have it be so; gives the event by which it is, 0 where it was so before. Raises OperationError."""
        return await self._commands.declare(body["topic"], body)

    async def delete(self, name: str) -> None:
        """Have it be no more; no error where it is not there. Raises OperationError."""
        topic, _, id = name.rpartition("/")
        await self._commands.delete(topic, id)
