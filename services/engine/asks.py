"""What all engine workers are asked at once: `tickbus.ask.engine.<what>`. Shapes: schemas.events.asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import orjson

from schemas.events.asks import EngineStatsQuestionSchema
from services import log as logs
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import ask_subject
from services.engine.outbox import Standing
from services.engine.sideload import SOURCES, SideloadError
from services.engine.worker import Worker
from services.store.errors import StoreError

_log = logs.get("engine")


class Asks:
    """Answers from when it is made until `stop`."""

    def __init__(self, bus: Bus, name: str, worker: Worker) -> None:
        self._name = name
        self._worker = worker
        self._answering: list[Answering] = [
            bus.answer(ask_subject("engine", "stats"), self._stats),
            bus.answer(ask_subject("engine", "reload"), self._reload),
            bus.answer(ask_subject("engine", "share"), self._share),
        ]

    def stop(self) -> None:
        """Answer no more."""
        for answering in self._answering:
            answering.stop()

    async def _stats(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        question = EngineStatsQuestionSchema().load(orjson.loads(data) if data else {})
        wanted = None if question.get("ids") is None else set(question["ids"])
        tasks = {
            running.id: {"executing": True, "stats": running.run.statistics()}
            for running in self._worker.tasks.values()
            if (wanted is None or running.id in wanted) and running.standing() is Standing.HELD
        }
        figures = {
            "worker": self._name,
            "lag": self._worker.lag,
            "refused": self._worker.refused,
            "ingress": self._worker.ingress.shown(),
            "tasks": tasks,
        }
        return orjson.dumps(figures)

    async def _reload(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Read anew what sideload nodes look up."""
        error = ""
        try:
            await asyncio.to_thread(SOURCES.reload)
        except SideloadError as problem:
            error = str(problem)
            _log.error("a sideload source cannot be read anew", err=error)
        return orjson.dumps({"error": error})

    async def _share(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Bring the states of all tasks to the bus."""
        error = ""
        try:
            await self._worker.share()
        except (BusError, StoreError, TimeoutError) as problem:
            error = str(problem) or "it takes too long"
            _log.warn("the states of tasks that were asked for are not on the bus", err=error)
        return orjson.dumps({"error": error})
