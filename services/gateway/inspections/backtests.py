"""Asking for a backtest."""

from __future__ import annotations

from typing import Any

from schemas.api.inspections.backtest import CreateBacktestSchema
from services.gateway.inspections.commands import InspectionCommands, read_span, read_strictly
from services.gateway.inspections.queries import Shown
from services.store.folds.inspections import InspectionRecord

SHOWN: Shown = {}


class BacktestRequests:
    """Makes backtests of requests."""

    def __init__(self, commands: InspectionCommands) -> None:
        self._commands = commands

    async def create(self, body: Any) -> InspectionRecord:
        """Begin a backtest; gives its record. Raises OperationError."""
        given = read_strictly(CreateBacktestSchema(), body)
        start, stop = read_span(given)
        return await self._commands.create(given["id"], {"start": start, "stop": stop})
