"""From one layout of a run to the next: units come to one write, stop, and leave their states to the new parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.bus.events import Event
from services.bus.positions import WritesSeq
from services.engine.states.handovers import Handovers
from services.engine.worker.run_events import RunEvents
from services.engine.worker.task_under_way import TaskUnderWay
from services.engine.worker.worker import Worker
from services.process import log as logs
from services.store.folds.layouts import Layout
from services.store.folds.task_records import RunRecord
from services.store.projection import Projection

log = logs.get("engine")

_DRAIN_SECONDS = 5.0  # after which a unit that waits for an answer is looked at again


class HandingOver:
    """The part of one worker in it."""

    def __init__(
        self,
        worker: Worker,
        events: RunEvents,
        handovers: Handovers,
        projection: Projection[Event],
        hold: Callable[[Sequence[TaskUnderWay]], Awaitable[None]],
    ) -> None:
        """hold(tasks): have what they send come to a stop."""
        self._worker, self._events, self._handovers = worker, events, handovers
        self._projection, self._hold = projection, hold

    async def hand_over(
        self, running: TaskUnderWay, run: RunRecord, layout: Layout, wanted: Callable[[], bool]
    ) -> bool:
        """Do what is next for a unit of the layout before; whether it is over with it. Raises BusError.

        wanted(): whether it is still to be done here.
        """
        unit, said = running.unit, {"enabled": run.enabled, "layout": layout.sequence, "part": running.unit.number}
        paused_at = layout.paused.get(unit.number)
        if not running.paused:
            if paused_at is not None and not await self._drained(running, paused_at, wanted):
                return False
            self._worker.pause(running)
        if paused_at is None:
            data = {**said, "position": running.reached}
            await self._projection.reached(await self._events.publish(unit.task, "paused", data))
            return False
        if layout.position is None:
            return False
        self._worker.resume(running, layout.position)
        if not await self._drained(running, layout.position, wanted) or not self._worker.remove(running):
            return False
        try:
            await self._hold([running])
            await self._worker.outbox.sent()
            units = len(layout.units_before(unit.task))
            state, position = running.run.state(), layout.position
            await self._handovers.keep(unit, run.enabled, layout, units, position, state)
            if not wanted():
                return False
            await self._projection.reached(await self._events.publish(unit.task, "handed", said))
        finally:
            running.close()
        log.info("a task goes on in other parts", task=unit.id, position=layout.position, parts=len(layout.shards))
        return True

    async def _drained(self, running: TaskUnderWay, position: WritesSeq, wanted: Callable[[], bool]) -> bool:
        """Wait until a unit has come to a position; whether it is still wanted."""
        while not await self._worker.drain(running, position, wanted, _DRAIN_SECONDS):
            await asyncio.sleep(0)
        return wanted()

    async def sweep(self, is_over: Callable[[str, int], bool]) -> None:
        """Delete what was left over. is_over(task, enabled): whether a run is, of a task that is ours. BusError."""
        await self._handovers.sweep(is_over)

    async def forget(self, task: str, run: RunRecord) -> None:
        """A run is over: what was handed over in it is of no use."""
        await self._handovers.forget(task, run.enabled)
