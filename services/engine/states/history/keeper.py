"""When states of the past are kept: beside the worker's loop, one task after the other, at most a share of the time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.errors import BusError
from services.bus.leases.shards import shard_of
from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.checkpoints import Checkpoints, HeldState
from services.engine.states.history.fresh_state import ChunksInMemory, FreshState, RunFacts
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import BEGIN, DUE, END, PAUSE
from services.engine.states.history.retention import Retention
from services.engine.states.history.task_history import TaskHistory
from services.engine.states.history.writer import HistoryWriter
from services.engine.states.kept_states import TakenState, take
from services.engine.states.records import RunKey, StateHeader
from services.engine.worker.task_under_way import TaskUnderWay
from services.process import log as logs
from services.store.folds.task_records import RunRecord

log = logs.get("engine")

_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 10.0  # after which a state that could not be kept is tried again, if it is due so often
_RETENTION_SECONDS = 30.0
_RETENTION_REST = 500  # times as long as it took until it is looked again
_RETENTION_SHARE = 100  # a part of the bound: after so much was written it is looked sooner how much there is
_REST = 0.25  # seconds, at most, that follow each state, as long as it took …
_UNCHANGED_REST = 100  # … or so many times as long, where the task has not changed: that is in no hurry
_UNCHANGED_SPREAD = 3  # intervals that a round of all unchanged tasks is spread over at most
_AT_A_STRETCH = 10.0  # seconds until it is looked again which have changed
_MANY = 50  # tasks of which nothing is known
_SPREAD = 3600  # seconds over which the times of tasks in parts are spread
_MOST_WAITING_BYTES = 64 << 20  # of beginnings and ends that wait to be written


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """every: seconds between the states that are kept of a task, 0: none. most_bytes: of all tasks, 0: any."""

    every: float = 600.0
    most_bytes: int = 0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A state that is to be kept although none is due."""

    run: RunFacts
    why: str
    state: TakenState | HeldState


class StateKeeper:
    """Keeps the states of one worker's tasks. Batch tasks have none that the log leads to."""

    def __init__(
        self,
        bus: Bus,
        checkpoints: Checkpoints,
        tasks: Mapping[str, TaskUnderWay],
        epochs: Epochs,
        settings: HistorySettings,
        run_of: Callable[[str, EventsSeq], RunRecord | None],
        is_ours: Callable[[str], bool],
        exists: Callable[[str], bool],
    ) -> None:
        """tasks: those of the worker, and parts of tasks, by id, at any time. run_of(task, enabled): a run of a task as
        it is known.

        is_ours, exists: as Retention has them.
        """
        self._bus, self._checkpoints, self._tasks, self._epochs = bus, checkpoints, tasks, epochs
        self._settings, self._run_of, self._is_ours, self._exists = settings, run_of, is_ours, exists
        self._histories: dict[str, TaskHistory] = {}
        self._due: dict[str, float] = {}
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._holding: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._opened: tuple[HistoryWriter, Retention] | None = None
        self._retention_due = 0.0
        self._written = 0  # bytes since retention was last looked at
        self._failed = 0

    def taken_up(self, task: TaskUnderWay, run: RunRecord, restored: bool) -> None:
        """A run is here, and has not been stepped yet. restored: it goes on from a state, else it begins."""
        # who had it meanwhile may have deleted what was kept from here
        self._histories.pop(task.id, None)
        self._due.pop(task.id, None)
        if not restored:
            self._take(task, run, BEGIN)

    def end(self, task: TaskUnderWay, run: RunRecord) -> None:
        """A run has seen all that it is to see, and will not be stepped any more."""
        self._take(task, run, END)

    def after_pause(self, tasks: Iterable[TaskUnderWay]) -> None:
        """Clocks may have gone on behind a pause, which nothing in the log tells; all states were just saved."""
        paused = [task for task in tasks if task.run.clocked and self._keeps(task)]
        if paused:
            holding = asyncio.create_task(self._hold(paused))
            self._holding.add(holding)
            holding.add_done_callback(self._holding.discard)

    def pause(self, task: TaskUnderWay) -> float:
        """Seconds until the next state of a task is due, if one is kept now.

        All parts of a task keep theirs at one time by the wall's clock: whoever looks back brings them to one place in
        the log, and is to have little of it to read for that.
        """
        every = self._settings.every
        return every if task.part is None else every - (time.time() + shard_of(task.task, _SPREAD)) % every

    def figures(self) -> dict[str, int]:
        """Of the tasks that run here: states and bytes kept, the time of the oldest (ns, 0: none), how many failed."""
        histories = [history for id, history in self._histories.items() if id in self._tasks and history.points]
        return {
            "states": sum(len(history.points) for history in histories),
            "bytes": sum(history.size for history in histories),
            "oldest": min((history.points[0].time for history in histories), default=0),
            "failed": self._failed,
        }

    async def run(self) -> None:
        """Keep states until it is cancelled. Whatever fails here is told and does not end the worker."""
        pause = min(_LOOK_SECONDS, self._settings.every / 2 or _LOOK_SECONDS)
        try:
            while True:
                self._wake.clear()
                await self._try()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
        finally:
            for holding in self._holding:
                holding.cancel()

    async def _try(self) -> None:
        try:
            await self._go()
        except BusError as e:
            log.limited("history").warn("states of the past cannot be kept yet", error=str(e))
            await asyncio.sleep(_LOOK_SECONDS)
        except Exception as e:
            log.exception("states of the past cannot be kept", e)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _go(self) -> None:
        writer, retention = await self._open()
        while self._waiting:
            waiting = self._waiting.popleft()
            try:
                await self._keep_waiting(writer, waiting)
            finally:
                await self._let_go(waiting)
        self._wake.clear()
        if self._settings.every:
            await self._learn(writer)
            await self._keep_all_due(writer)
        self._forget_gone()
        if self._looks_at_retention:
            began = time.monotonic()
            self._written, self._retention_due = 0, began + _RETENTION_SECONDS
            await retention.look()
            self._retention_due += (time.monotonic() - began) * _RETENTION_REST

    @property
    def _looks_at_retention(self) -> bool:
        """Whether it is time to, or so much was written."""
        much = self._settings.most_bytes / _RETENTION_SHARE
        return time.monotonic() >= self._retention_due or 0 < much < self._written

    def _keeps(self, task: TaskUnderWay) -> bool:
        return self._settings.every > 0 and bool(task.run.streams)

    def _take(self, task: TaskUnderWay, run: RunRecord, why: str) -> None:
        """Take a state as it is now, to be written as soon as may be."""
        if not self._keeps(task):
            return
        try:
            position = task.position if task.until is None else min(task.position, task.until)
            header = StateHeader(task.enabled, run.began, self._epochs.of(position))
            state = take(task.id, position, header.to_plain(), task.state())
        except Exception as e:
            log.exception("a state of the past cannot be kept", e, task=task.id)
            return
        if self._waiting_bytes + state.size > _MOST_WAITING_BYTES:
            self._complain(task.id, "too many wait to be written")
            return
        self._waiting_bytes += state.size
        self._wait(_Waiting(_facts(task, run), why, state))

    async def _hold(self, tasks: Iterable[TaskUnderWay]) -> None:
        by_id = {task.id: task for task in tasks}
        for id, held in (await self._checkpoints.hold(by_id)).items():
            task = by_id[id]
            run = self._run_of(task.task, task.enabled)
            if run is None:
                await self._checkpoints.let_go(held)
            else:
                self._wait(_Waiting(_facts(task, run), PAUSE, held))

    def _wait(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._wake.set()

    async def _let_go(self, waiting: _Waiting) -> None:
        if isinstance(waiting.state, HeldState):
            await self._checkpoints.let_go(waiting.state)
        else:
            self._waiting_bytes -= waiting.state.size

    async def _keep_waiting(self, writer: HistoryWriter, waiting: _Waiting) -> None:
        try:
            state, run, why = waiting.state, waiting.run, waiting.why
            if isinstance(state, HeldState):
                fresh = self._of_held(state, run, why)
            else:
                chunks = ChunksInMemory()
                snapshot = await self._checkpoints.made(state, chunks)
                epoch = StateHeader.from_plain(state.meta).epoch
                digests, position = set(chunks), state.position
                fresh = FreshState(state.task, run, why, snapshot, digests, chunks.__getitem__, position, epoch)
            await self._write(writer, fresh)
        except BusError as e:
            self._complain(waiting.state.task, str(e))
        except Exception as e:
            # of one task: others are kept all the same
            self._failed += 1
            log.exception("a state of the past cannot be kept", e, task=waiting.state.task)

    async def _keep_all_due(self, writer: HistoryWriter) -> None:
        """Those first that have changed: the others are in no hurry, and there may be thousands of them."""
        began = time.monotonic()
        due = [task for id, task in self._tasks.items() if self._due.get(id, 0.0) <= began and self._keeps(task)]
        for task in sorted(due, key=self._stands):
            await self._keep_due(writer, task)
            if self._waiting or self._looks_at_retention or time.monotonic() - began >= _AT_A_STRETCH:
                break

    def _stands(self, task: TaskUnderWay) -> bool:
        """Whether a task has not changed, as far as its place tells, since the newest state that is kept."""
        history, reached = self._histories.get(task.id), self._checkpoints.reached(task.id)
        newest = None if history is None else history.newest
        return newest is not None and reached is not None and newest.position >= reached.base

    async def _keep_due(self, writer: HistoryWriter, task: TaskUnderWay) -> None:
        run = self._run_of(task.task, task.enabled)
        history = await self._history(writer, task.id)
        if task.id not in self._due and history.newest is not None:
            left = self._settings.every - max(0.0, (time.time_ns() - history.newest.kept) / 1e9)
            self._due[task.id] = time.monotonic() + min(max(0.0, left), self.pause(task))
            return
        began, written = time.monotonic(), self._written
        held = (await self._checkpoints.hold([task.id])).get(task.id)
        if held is None:
            return
        self._due[task.id] = time.monotonic() + self.pause(task)
        try:
            header = StateHeader.from_plain(held.snapshot.meta)
            ours = self._tasks.get(task.id) is task
            if ours and run is not None and header.is_of(RunKey(run.enabled, run.began)):
                await self._write(writer, self._of_held(held, _facts(task, run), DUE))
        except BusError as e:
            self._due[task.id] = time.monotonic() + min(self._settings.every, _RETRY_SECONDS)
            self._complain(task.id, str(e))
        except Exception as e:
            self._failed += 1
            log.exception("a state of the past cannot be kept", e, task=task.id)
        finally:
            await self._checkpoints.let_go(held)
        if self._written == written:
            turn = _UNCHANGED_SPREAD * self._settings.every / max(1, len(self._tasks))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min((time.monotonic() - began) * _UNCHANGED_REST, turn)):
                    await self._wake.wait()

    async def _write(self, writer: HistoryWriter, fresh: FreshState) -> None:
        began = time.monotonic()
        written = await writer.write(await self._history(writer, fresh.task), fresh)
        self._written += max(0, written)
        if written or fresh.why != DUE:
            await asyncio.sleep(min(time.monotonic() - began, _REST))

    def _of_held(self, held: HeldState, run: RunFacts, why: str) -> FreshState:
        epoch = StateHeader.from_plain(held.snapshot.meta).epoch
        until = held.reached.position if held.reached.epoch == epoch else WritesSeq(held.snapshot.position)
        return FreshState(held.task, run, why, held.snapshot, held.digests, self._checkpoints.chunk, until, epoch)

    async def _learn(self, writer: HistoryWriter) -> None:
        """Read what is kept of all tasks where many have come: asked of each, it takes far longer."""
        unknown = [task for id, task in self._tasks.items() if id not in self._histories and self._keeps(task)]
        if len(unknown) < _MANY:
            return
        found = await writer.load_each([task.id for task in unknown])
        for task in unknown:
            if self._tasks.get(task.id) is task:
                self._histories.setdefault(task.id, found[task.id])

    async def _history(self, writer: HistoryWriter, task: str) -> TaskHistory:
        history = self._histories.get(task)
        if history is None:
            history = self._histories[task] = await writer.load(task)
        return history

    def _forget_gone(self) -> None:
        """What is kept of tasks that do not run here any more stays on the bus, for whoever has them then."""
        for id in [id for id in self._histories if id not in self._tasks]:
            del self._histories[id]
            self._due.pop(id, None)

    def _complain(self, task: str, error: str) -> None:
        self._failed += 1
        log.limited("history/keep").warn("a state of the past is not kept", task=task, error=error)

    async def _open(self) -> tuple[HistoryWriter, Retention]:
        if self._opened is None:
            bucket = await HistoryBucket.open(self._bus, self._settings.replicas)
            writer = HistoryWriter(self._bus, bucket)
            most, epochs, histories = self._settings.most_bytes, self._epochs, self._histories
            retention = Retention(self._bus, bucket, writer, histories, epochs, most, self._is_ours, self._exists)
            self._opened = writer, retention
        return self._opened


def _facts(task: TaskUnderWay, run: RunRecord) -> RunFacts:
    share = None if task.run.share is None else task.run.share.share
    return RunFacts(RunKey(run.enabled, run.began), run.definition, task.run.environment.levels, share)
