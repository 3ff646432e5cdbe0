"""Which tasks run in how many parts, and on which shards: decided by the worker that has the task's own shard."""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grammar.tickscript.ast import TickscriptError
from services.bus.errors import BusError
from services.bus.events import Event
from services.bus.leases.leases import Leases
from services.bus.leases.shards import owner_of, shard_of_unit
from services.bus.leases.status import LeaseStatus
from services.engine.states.handovers import Handovers
from services.engine.worker.run_events import RunEvents
from services.pipeline.splitting import Splitting, splitting
from services.process import log as logs
from services.runtime.building.factory import TaskFactory
from services.runtime.errors import TaskFailed
from services.store.folds import tasks as task_fold
from services.store.folds.layouts import Layout
from services.store.folds.task_records import RunRecord
from services.store.projection import Projection

log = logs.get("engine")

_LOOK_SECONDS = 0.5
_MEASURED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """parts: by task id or pattern in how many parts tasks run. share: of a worker's time, over which a task is split
    that they do not name; 0: none is. steady: seconds for which the workers that live must have been the same before
    parts are spread over them."""

    parts: Mapping[str, int]
    share: float
    steady: float

    def parts_of(self, task: str) -> int | None:
        """In how many parts a task is to run, None where it is not named."""
        return next((parts for name, parts in self.parts.items() if fnmatch.fnmatchcase(task, name)), None)


class Splitter:
    """Looks after the tasks of one worker."""

    def __init__(
        self,
        projection: Projection[Event],
        factory: TaskFactory,
        events: RunEvents,
        handovers: Handovers,
        leases: Leases,
        shards: int,
        settings: SplitSettings,
        busy_ns: Callable[[str], int | None],
    ) -> None:
        """busy_ns(task): for how long the nodes of a task have worked here, None where it does not run whole here."""
        self._projection, self._factory, self._events, self._handovers = projection, factory, events, handovers
        self._leases, self._shards, self._settings = leases, shards, settings
        self._known: dict[str, tuple[RunRecord, Splitting]] = {}
        self._alive: list[str] = []
        self._since = 0.0
        self._loads = Loads(busy_ns)

    async def run(self) -> None:
        """Look after them until it is cancelled. Whatever fails here is told and does not end the worker."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            alive = self._leases.alive()
            if alive != self._alive:
                self._alive, self._since = alive, time.monotonic()
            if time.monotonic() - self._since < self._settings.steady:
                continue
            # where nobody else is, and no task is said to run in parts, only those that once did need a look
            every = bool(self._settings.parts or (self._settings.share and len(alive) > 1))
            runs = {id: record.run for id, record in self._projection.state.bucket(task_fold.TASKS).items()}
            for id, run in runs.items():
                if run is None or not (every or run.layout):
                    continue
                try:
                    await self._look(id, run)
                except BusError as e:
                    log.limited("split").warn("a task cannot be split yet", task=id, err=e)
                except Exception as e:
                    log.limited("split").exception("a task cannot be split", e, task=id)

    async def _look(self, id: str, run: RunRecord) -> None:
        if run.state != "started" or self._leases.status(shard_of_unit(id, self._shards)) is not LeaseStatus.HELD:
            return
        layout = run.layout
        if layout is not None and not layout.settled:
            return
        wanted = self._wanted(id, layout)
        by = await self._by(id, run) if wanted > 1 or layout is not None else Splitting()
        if not by.by:
            if wanted > 1:
                log.limited(f"whole/{id}").warn("a task stays whole", task=id, node=by.node, err=by.reason)
            wanted = 1
        if wanted == (1 if layout is None else len(layout.shards)) and not self._is_uneven(layout):
            return
        if layout is not None and layout.before is not None:
            await self._handovers.forget(id, run.enabled, layout.before.sequence)
        data = {
            "enabled": run.enabled,
            "shards": self._spread(id, wanted),
            "tags": sorted(by.by.names),
            "star": by.by.star,
        }
        await self._projection.reached(await self._events.publish(id, "split", data))
        log.info("a task is to go on in other parts", task=id, parts=wanted, by=str(by.by), workers=len(self._alive))

    def _wanted(self, id: str, layout: Layout | None) -> int:
        """In how many parts a task is to run."""
        named, limit = self._settings.parts_of(id), self._settings.share
        if named is not None or not limit:
            return named or 1
        if layout is not None:
            return len(layout.shards)
        return len(self._alive) if len(self._alive) > 1 and self._loads.share(id) > limit else 1

    async def _by(self, id: str, run: RunRecord) -> Splitting:
        known = self._known.get(id)
        if known is None or known[0].enabled != run.enabled:
            try:
                found = splitting(await self._factory.graph(run.definition))
            except (TickscriptError, TaskFailed) as e:
                found = Splitting(reason=str(e))
            known = self._known[id] = (run, found)
        return known[1]

    def _is_uneven(self, layout: Layout | None) -> bool:
        """Whether a worker has more of the parts than it need have, while all live."""
        if layout is None or len(layout.shards) < 2:
            return False
        parts = Counter(owner_of(shard, self._alive) for shard in layout.shards)
        return max(parts.values()) > -(-len(layout.shards) // len(self._alive))

    def _spread(self, id: str, parts: int) -> list[int]:
        """A shard for each part, such that workers have as many parts each as may be."""
        if parts == 1:
            return [shard_of_unit(id, self._shards)]
        first = shard_of_unit(id, self._shards)
        order = [(first + n) % self._shards for n in range(self._shards)]
        by_owner = {worker: _again(s for s in order if owner_of(s, self._alive) == worker) for worker in self._alive}
        owners = itertools.cycle([worker for worker in self._alive if by_owner[worker] is not None])
        return [next(shards) for _ in range(parts) if (shards := by_owner[next(owners)]) is not None]


class Loads:
    """What share of the time the nodes of tasks take."""

    def __init__(self, busy_ns: Callable[[str], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        """busy_ns: as of Splitter. clock: seconds."""
        self._busy_ns, self._clock = busy_ns, clock
        self._looked: dict[str, tuple[float, int]] = {}
        self._share: dict[str, float] = {}

    def share(self, task: str) -> float:
        """Over the last some seconds; 0 before that is known."""
        now, busy = self._clock(), self._busy_ns(task)
        if busy is None:
            self._looked.pop(task, None)
            self._share.pop(task, None)
            return 0.0
        since, before = self._looked.setdefault(task, (now, busy))
        if now - since >= _MEASURED_SECONDS:
            self._share[task] = max(busy - before, 0) / 1e9 / (now - since)
            self._looked[task] = now, busy
        return self._share.get(task, 0.0)


def _again(shards: Iterator[int]) -> Iterator[int] | None:
    """These shards over and over, None where there are none."""
    found: Sequence[int] = list(shards)
    return itertools.cycle(found) if found else None
