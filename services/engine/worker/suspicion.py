"""Tasks that workers ended in: which of them are not to be tried again, and which have come past that place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from services.bus.buckets.suspects import Suspect, Suspects
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.engine.worker.task_under_way import AT_CLOCK, AT_MESSAGES, TASK, TaskUnderWay
from services.process import log as logs

log = logs.get("engine")

_LOOK_SECONDS = 1.0


class Suspicion:
    """As the bus knows of it (services.bus.buckets.suspects), for one worker."""

    def __init__(self, bus: Bus, replicas: int = 1) -> None:
        self._bus, self._replicas = bus, replicas
        self._suspects: Suspects | None = None
        self._of: dict[str, Suspect] = {}

    async def learn(self) -> None:
        """Ask the bus, before tasks are taken up. Raises BusError."""
        if self._suspects is None:
            self._suspects = await Suspects.open(self._bus, self._replicas)
        self._of = {s.what["id"]: s for s in await self._suspects.all() if s.what["kind"] == TASK}

    def verdict(self, id: str, enabled: EventsSeq) -> str:
        """Why a run of a task is not to be tried again, "" where it may be."""
        suspect = self._of.get(id)
        if suspect is None or suspect.what.get("run") != enabled or not suspect.condemned:
            return ""
        at = _place(suspect) if suspect.what.get("at") == AT_MESSAGES else ""
        if suspect.hung:
            return f"a step{at} took longer than the step-limit in [engine], and was ended with its worker"
        return f"the worker died in a step{at}, {suspect.deaths} times in a row"

    async def forget(self, id: str, enabled: EventsSeq) -> None:
        """A run of a task is seen to."""
        suspect = self._of.get(id)
        if suspect is not None and suspect.what.get("run") == enabled and self._suspects is not None:
            del self._of[id]
            try:
                await self._suspects.clear(suspect)
            except BusError as e:
                log.warn("a task stays suspected, which has ended", task=id, err=e)

    async def watch(self, tasks: Mapping[str, TaskUnderWay]) -> None:
        """Forget those of these tasks that come past the place that a worker ended in, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for id, suspect in list(self._of.items()):
                running = tasks.get(id)
                if running is not None and _is_past(running, suspect):
                    await self.forget(id, EventsSeq(suspect.what.get("run", 0)))


def _place(suspect: Suspect) -> str:
    if suspect.first == suspect.last:
        return f" of write {suspect.first}"
    return f" of the writes {suspect.first} to {suspect.last}"


def _is_past(running: TaskUnderWay, suspect: Suspect) -> bool:
    if running.enabled != suspect.what.get("run"):
        return True
    match suspect.what.get("at"):
        case at if at == AT_MESSAGES:
            return running.position > suspect.last
        case at if at == AT_CLOCK:
            return (running.run.clock or 0) > suspect.last
    return running.took_in or not running.run.timed
