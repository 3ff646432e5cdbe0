"""A worker: follows the log, steps the tasks of its shards through it, saves their state, and answers for them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower, Message
from services.bus.subjects import alert_subject, parse_write_subject, write_subject
from services.engine.alerts import codec as alert_codec
from services.engine.checkpoints import Checkpoints
from services.engine.effects import Alerts, Effect, Write
from services.engine.intake import Intake, Slice
from services.engine.node import State, TaskFailed
from services.engine.outbox import Letter, Outbox
from services.engine.task import TaskRun

log = logs.get("engine")

_STREAM = "WRITES"
_ANY = -1  # stands for all measurements in the index of tasks
_MAX_WAIT = 1.0  # seconds; how long the loop sleeps at most, so that changes of its surroundings are noticed


@dataclass(slots=True)
class Running:
    """A task under way on this worker."""

    run: TaskRun
    shard: int
    enabled: int  # sequence of the event that enabled it: which run of the task this is
    position: int  # everything up to here has gone through it
    started: int  # sequence of its first run.started event
    valid: Callable[[], bool]  # whether what it emits may still leave
    measurements: frozenset[int] | None = None
    dirty: bool = True  # something has changed since its state was last saved
    until: int | None = None  # it is to stop once it has come this far
    done: asyncio.Event = field(default_factory=asyncio.Event)  # set when it has come there, or failed

    @property
    def id(self) -> str:
        """The task's id."""
        return self.run.id

    def state(self) -> State:
        """The state of all its nodes."""
        return self.run.state()


class Worker:
    """The loop over WRITES. Which tasks run is decided elsewhere (see services.engine.supervisor)."""

    def __init__(
        self,
        bus: Bus,
        intake: Intake,
        checkpoints: Checkpoints,
        interval: float,
        max_messages: int,
        max_bytes: int,
        on_failed: Callable[[str, str], None],
    ) -> None:
        """interval: seconds between checkpoints. on_failed(task, error): a task has ended by itself."""
        self._bus, self._intake, self._checkpoints = bus, intake, checkpoints
        self._interval, self._max_messages, self._max_bytes = interval, max_messages, max_bytes
        self._on_failed = on_failed
        self.outbox = Outbox(bus)
        self.tasks: dict[str, Running] = {}
        self.refused = 0
        self.lag = 0
        self._routes: dict[tuple[str, str], dict[int, list[Running]]] | None = None
        self._timed: list[Running] = []
        self._changed = asyncio.Event()
        self._stopping = False
        self._saved = time.monotonic()
        self._saving = asyncio.Lock()

    def add(self, running: Running) -> None:
        """Let a task run from its position on."""
        running.measurements = None
        if running.run.measurements is not None:
            running.measurements = frozenset(map(self._intake.measurement, running.run.measurements))
        self.tasks[running.run.id] = running
        self._tasks_changed()

    def remove(self, task: str) -> Running | None:
        """Take a task out between two steps; its nodes are closed by the caller."""
        running = self.tasks.pop(task, None)
        self._tasks_changed()
        return running

    async def drain(self, task: str, position: int, timeout: float) -> None:
        """Wait until a task has seen the log up to `position`, as far as it has messages for it."""
        running = self.tasks.get(task)
        if running is None:
            return
        until = await self._last_before(running, position)
        if running.position >= until:
            return
        running.until = until
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.done.wait(), timeout)

    async def save(self, tasks: Sequence[str] | None = None) -> None:
        """Save the state of all tasks, or of some, at the position they have reached, once their effects are stored."""
        async with self._saving:
            await self.outbox.sent()
            chosen = [r for name, r in self.tasks.items() if tasks is None or name in tasks]
            await self._checkpoints.save(chosen)
            self._saved = time.monotonic()

    async def run(self) -> None:
        """Follow the log until `stop`."""
        while not self._stopping:
            self._changed.clear()
            subjects = self._subjects()
            after = min((r.position for r in self.tasks.values()), default=0)
            async with self._bus.follow(_STREAM, subjects, after, self._max_messages, self._max_bytes) as follower:
                await self._follow(follower)

    async def stop(self) -> None:
        """End the loop after the step under way."""
        self._stopping = True
        self._changed.set()

    async def _follow(self, follower: Follower) -> None:
        waiting: asyncio.Task[list[Message]] | None = None
        changed = asyncio.create_task(self._changed.wait())
        try:
            while not self._changed.is_set():
                if waiting is None:
                    waiting = asyncio.create_task(follower.batch())
                await asyncio.wait({waiting, changed}, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    messages = waiting.result()
                    waiting = None
                    self.lag = follower.pending
                    self.take(messages)
                self._tick()
                await self.outbox.room()
                await self._save_if_due()
        finally:
            changed.cancel()
            if waiting is not None:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)

    def take(self, messages: Sequence[Message]) -> None:
        """Step all tasks through some messages of the log."""
        reached = messages[-1].seq
        for database, policy, part in self._parts(messages):
            piece, refused = self._intake.decode(database, policy, part)
            for bad in refused:
                self.refused += 1
                log.warn("a message on the bus is not line protocol and is skipped", seq=bad.seq, error=bad.error)
            if piece is not None:
                self._step(database, policy, piece)
        for running in list(self.tasks.values()):
            if running.position < reached:
                running.position = reached
            if running.until is not None and running.position >= running.until:
                running.done.set()

    def _step(self, database: str, policy: str, piece: Slice) -> None:
        last = int(piece.step.seq[-1])
        for running in self._wanted(database, policy, piece.present()):
            if running.position >= last or (running.until is not None and running.position >= running.until):
                continue
            try:
                effects = running.run.step(piece, running.measurements, running.position, running.until)
            except TaskFailed as e:
                self._failed(running, e)
                continue
            if effects:
                self.perform(running, effects)
            running.dirty = True

    def _wanted(self, database: str, policy: str, present: frozenset[int]) -> list[Running]:
        """The tasks that read some of these measurements. Found by index: tasks on others cost nothing."""
        if self._routes is None:
            self._routes = {}
            for running in self.tasks.values():
                for dbrp in running.run.dbrps:
                    route = self._routes.setdefault(dbrp, {})
                    for m in running.measurements if running.measurements is not None else (_ANY,):
                        route.setdefault(m, []).append(running)
        route = self._routes.get((database, policy), {})
        found = {r.run.id: r for m in (_ANY, *sorted(present)) for r in route.get(m, ())}
        return list(found.values())

    def _parts(self, messages: Sequence[Message]) -> list[tuple[str, str, list[Message]]]:
        """Messages by database and retention policy; as runs in log order where some task reads several of them."""
        subjects = {m.subject for m in messages}
        known = {s: parse_write_subject(s) for s in subjects}
        if len(subjects) == 1:
            return [(*known[messages[0].subject], list(messages))]
        parts: list[tuple[str, str, list[Message]]] = []
        if any(len(r.run.dbrps) > 1 for r in self.tasks.values()):
            for m in messages:
                if not parts or parts[-1][:2] != known[m.subject]:
                    parts.append((*known[m.subject], []))
                parts[-1][2].append(m)
            return parts
        by_subject: dict[str, list[Message]] = {}
        for m in messages:
            by_subject.setdefault(m.subject, []).append(m)
        return [(*known[s], part) for s, part in by_subject.items()]

    def perform(self, running: Running, effects: Sequence[Effect]) -> None:
        """Have done what a step wants done outside."""
        for effect in effects:
            if isinstance(effect, Alerts):
                for topic in effect.topics:
                    data = alert_codec.encode(effect, topic, running.started)
                    letter = Letter(alert_subject(topic), data, None, running.valid)
                    self.outbox.send(f"{effect.task}/{effect.node}/{topic}", letter)
            elif isinstance(effect, Write):
                subject = write_subject(effect.database, effect.retention_policy)
                self.outbox.send(
                    f"{running.run.id}/{subject}", Letter(subject, effect.lines, effect.message_id, running.valid)
                )
            elif running.valid():
                effect.do()

    def _failed(self, running: Running, error: TaskFailed) -> None:
        log.error("a task has failed", task=running.run.id, error=str(error))
        self.remove(running.run.id)
        running.done.set()
        running.run.close()
        self._on_failed(running.run.id, str(error))

    def _tasks_changed(self) -> None:
        self._routes = None
        self._timed = [r for r in self.tasks.values() if r.run.timed]
        self._changed.set()

    def _tick(self) -> None:
        now = time.time_ns()
        for running in list(self._timed):
            due = running.run.next_tick()
            if due is not None and due <= now:
                try:
                    effects = running.run.tick(now)
                except TaskFailed as e:
                    self._failed(running, e)
                    continue
                running.dirty = True
                self.perform(running, effects)

    def _pause(self) -> float:
        due = min((t for r in self._timed if (t := r.run.next_tick()) is not None), default=None)
        if due is None:
            return _MAX_WAIT
        return min(_MAX_WAIT, max(0.0, (due - time.time_ns()) / 1e9))

    async def _save_if_due(self) -> None:
        if time.monotonic() - self._saved < self._interval:
            return
        try:
            await self.save()
        except (BusError, OSError) as e:
            self._saved = time.monotonic()
            log.error("states cannot be saved", error=str(e))

    def _subjects(self) -> list[str]:
        return sorted({write_subject(*dbrp) for r in self.tasks.values() for dbrp in r.run.dbrps})

    async def _last_before(self, running: Running, position: int) -> int:
        """The last sequence up to `position` that holds a message for the task, or `position` where one follows it."""
        last = 0
        for dbrp in running.run.dbrps:
            seq = await self._bus.last_subject_sequence(write_subject(*dbrp))
            if seq > position:
                return position
            last = max(last, seq)
        return last
