"""Topic handlers as loads declare them: named TOPIC/ID."""

from __future__ import annotations

from typing import Any

from services.gateway.commands.handlers import HandlerCommands


class DeclaredHandlers:
    """See services.gateway.load.applying.Commands."""

    def __init__(self, commands: HandlerCommands) -> None:
        self._commands = commands

    def check(self, body: Any) -> Any:
        """Raises Refusal where there can be no such handler."""
        return self._commands.check(body["topic"], body)

    async def declare(self, body: Any) -> int:
        """Have it be so; gives the event by which it is, 0 where it was so before."""
        return await self._commands.declare(body["topic"], body)

    async def delete(self, name: str) -> None:
        """Have it be no more."""
        topic, _, id = name.rpartition("/")
        await self._commands.delete(topic, id)
