"""The statistics of many tasks for one answer, asked of their workers part by part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from schemas.requests.engine import ENGINE_STATS
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import request_subject
from services.gateway.clients.node_stats import Stats, public_stats
from services.gateway.clients.parts import merged_stats, running_units
from services.process import log as logs
from services.store.folds.tasks import TaskRecord

_SECONDS = 2.0
_TAKING_UP_SECONDS = 0.5
_PAUSE = 0.02
_log = logs.get("gateway")


class BulkTaskStats:
    """One for each answer. A worker that does not answer in time is not asked again for the same one."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._mute: set[str] = set()
        self._end = time.monotonic() + _TAKING_UP_SECONDS

    async def of(self, records: Sequence[TaskRecord]) -> dict[str, Stats]:
        """The statistics of those tasks that run, by id.

        A worker that has just taken a task up says so a moment before it answers for it.
        """
        running = {r.id: running_units(r.id, r.run) for r in records if r.run is not None and r.executing}
        left = {unit.id: worker for units in running.values() for unit, worker in units.items()}
        found: dict[str, Stats] = {}
        while left:
            by_worker: dict[str, list[str]] = {}
            for id, worker in left.items():
                if worker not in self._mute:
                    by_worker.setdefault(worker, []).append(id)
            for answered in await asyncio.gather(*(self._ask(worker, ids) for worker, ids in by_worker.items())):
                found |= answered
            left = {id: worker for id, worker in left.items() if id not in found and worker not in self._mute}
            if not left or time.monotonic() >= self._end:
                break
            await asyncio.sleep(_PAUSE)
        whole = {id: [found[unit.id] for unit in units if unit.id in found] for id, units in running.items()}
        return {id: merged_stats(stats) for id, stats in whole.items() if len(stats) == len(running[id])}

    async def _ask(self, worker: str, ids: Sequence[str]) -> dict[str, Stats]:
        try:
            subject, question = request_subject(*ENGINE_STATS.tokens(worker)), ENGINE_STATS.encode_request(ids=ids)
            answer = await ENGINE_STATS.decode_long_response(await self._bus.request(subject, question, _SECONDS))
            return {id: public_stats(task["stats"]) for id, task in answer["tasks"].items()}
        except NobodyThere:
            return {}
        except (BusError, ValueError) as error:
            _log.warn("no statistics of tasks", worker=worker, err=error)
            self._mute.add(worker)
            return {}
