"""Asking the workers that run tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import ask_subject

Stats = dict[str, Any]

_SECONDS = 2.0
_log = logs.get("gateway")


class Engine:
    """The engine as the gateway sees it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def stats(self, id: str) -> Stats | None:
        """A running task's statistics as the API shows them; None where no worker runs it."""
        try:
            answer = orjson.loads(await self._bus.ask(ask_subject("task", id, "stats"), b"{}", _SECONDS))
        except NobodyThere:
            return None
        except (BusError, ValueError) as error:
            _log.warn("no statistics of a task", task=id, err=error)
            return None
        stats: Stats | None = answer.get("stats") if answer.get("executing") else None
        return stats

    async def all_stats(self, ids: Iterable[str]) -> dict[str, Stats]:
        """The statistics of those tasks that run."""
        asked = list(ids)
        answers = await asyncio.gather(*map(self.stats, asked))
        return {id: stats for id, stats in zip(asked, answers, strict=True) if stats is not None}

    async def endpoint(self, id: str, endpoint: str) -> tuple[int, Any] | None:
        """Status and body of what a task's httpOut shows; None where no worker runs the task."""
        question = orjson.dumps({"endpoint": endpoint})
        try:
            answer = orjson.loads(await self._bus.ask(ask_subject("task", id, "endpoint"), question, _SECONDS))
        except NobodyThere:
            return None
        return answer["status"], answer["body"]
