"""What all engine workers are asked at once, and one of them by its name (see schemas.requests.engine)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from schemas.requests.engine import ENGINE_FIGURES, ENGINE_RELOAD, ENGINE_SHARE, ENGINE_STATS
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.leases.status import LeaseStatus
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.connectors.sideload import SOURCES, SideloadError
from services.engine.states.history.keeper import StateKeeper
from services.engine.worker.worker import Worker
from services.process import log as logs
from services.store.errors import StoreError

_TURN = 64  # tasks
_log = logs.get("engine")


class WorkerResponders:
    """Answers from when it is made until `stop`."""

    def __init__(self, bus: Bus, name: str, worker: Worker, keeper: StateKeeper) -> None:
        self._name = name
        self._worker, self._keeper = worker, keeper
        self._responders: list[Responder] = [
            bus.answer(request_subject(*ENGINE_STATS.tokens()), self._stats),
            bus.answer(request_subject(*ENGINE_STATS.tokens(name)), self._stats),
            bus.answer(request_subject(*ENGINE_FIGURES.tokens()), self._figures),
            bus.answer(request_subject(*ENGINE_RELOAD.tokens()), self._reload),
            bus.answer(request_subject(*ENGINE_SHARE.tokens()), self._share),
        ]

    def stop(self) -> None:
        """Answer no more."""
        for responder in self._responders:
            responder.stop()

    async def _stats(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        return await ENGINE_STATS.encode_long_response(await self.stats(ENGINE_STATS.decode_request(data)["ids"]))

    async def stats(self, ids: list[str] | None = None) -> dict[str, Any]:
        """What this worker answers for some tasks, None: for all that it runs."""
        ids = list(self._worker.tasks) if ids is None else ids
        tasks = {}
        for number, id_ in enumerate(ids, 1):
            running = self._worker.tasks.get(id_)
            if running is not None and running.lease_status() is LeaseStatus.HELD:
                tasks[id_] = {"executing": True, "stats": running.run.statistics()}
            if number % _TURN == 0:
                await asyncio.sleep(0)  # points that come meanwhile have their turn
        return {
            "worker": self._name,
            "lag": self._worker.lag,
            "refused": self._worker.refused,
            "went_back": self._worker.went_back,
            "ingress": self._worker.ingress.rows(),
            "history": self._keeper.figures(),
            "tasks": tasks,
        }

    async def _figures(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """All that it runs, in short."""
        ENGINE_FIGURES.decode_request(data)
        tasks = {}
        for number, (id_, running) in enumerate(list(self._worker.tasks.items()), 1):
            if running.lease_status() is LeaseStatus.HELD:
                tasks[id_] = running.run.figures()
            if number % _TURN == 0:
                await asyncio.sleep(0)
        figures = {
            "worker": self._name,
            "lag": self._worker.lag,
            "lag_ns": self._worker.lag_ns,
            "points": self._worker.ingress.totals(),
            "tasks": tasks,
        }
        return await ENGINE_FIGURES.encode_long_response(figures)

    async def _reload(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Read anew what sideload nodes look up."""
        ENGINE_RELOAD.decode_request(data)
        error = ""
        try:
            await SOURCES.reload()
        except SideloadError as problem:
            error = str(problem)
            _log.error("a sideload source cannot be read anew", err=error)
        return ENGINE_RELOAD.encode_response({"error": error})

    async def _share(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        """Bring the states of all tasks to the bus."""
        ENGINE_SHARE.decode_request(data)
        error = ""
        try:
            await self._worker.saving.ask()
        except (BusError, StoreError, TimeoutError) as problem:
            error = str(problem) or "it takes too long"
            _log.warn("the states of tasks that were asked for are not on the bus", err=error)
        return ENGINE_SHARE.encode_response({"error": error})
