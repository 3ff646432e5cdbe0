"""Which tasks, and parts of tasks, run on this worker: those enabled in its shards. Starts and stops them, says so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Collection, Coroutine, Sequence
from typing import Any
from weakref import WeakValueDictionary

from grammar.tickscript.ast import TickscriptError
from services.bus.connection import Bus
from services.bus.epochs import Epochs, WritesLog
from services.bus.errors import BusError
from services.bus.events import Event
from services.bus.leases.leases import Leases
from services.bus.leases.shards import shard_of_unit
from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.handovers import Handovers
from services.engine.states.history.keeper import StateKeeper
from services.engine.worker.handing_over import HandingOver
from services.engine.worker.responders import TaskResponders
from services.engine.worker.run_events import RunEvents
from services.engine.worker.starting import BegunElsewhere, TaskStarter
from services.engine.worker.suspicion import Suspicion
from services.engine.worker.task_under_way import TaskUnderWay
from services.engine.worker.worker import Worker
from services.pipeline.compiler.compile import api_error
from services.pipeline.functions import FunctionUnavailable
from services.process import log as logs
from services.runtime.building.compiling import Compiling
from services.runtime.errors import TaskFailed
from services.runtime.progress.deliveries import Deliveries
from services.runtime.progress.topic_levels import Remembering
from services.store.errors import StoreError
from services.store.folds import tasks as task_fold
from services.store.folds.layouts import Layout, Unit, units_of
from services.store.folds.state import Change
from services.store.folds.task_records import EndedRun, RunRecord
from services.store.projection import Projection

log = logs.get("engine")

_FAIL_AFTER = 0.1
_DELETED_DRAIN = 1.0  # seconds for which a task that is deleted may go on with what was written before
_LAST_SHARE = 1.5  # seconds that a lone worker takes at its end to bring its states to the bus
_RETRY = 1.0
_HOLD = 0.4  # seconds that what is sent outside at the end may take to be answered
_GAIN = 30.0  # seconds that taking up the tasks of new shards may hold up the balance; it goes on beside it
_TOGETHER = 32  # tasks whose states are read at once
_AT_ONCE = 3  # times so many that are taken up side by side
_EVER = 2**63 - 1  # where nobody has noted when a run was ended, nothing of the log came too late for it


class _NotOurs(Exception):
    """The task's shard was given up or lost meanwhile."""


class Supervisor:
    """Keeps what runs in step with the fold of tasks and with the leases. One change of a task after another."""

    def __init__(
        self,
        bus: Bus,
        projection: Projection[Event],
        worker: Worker,
        checkpoints: Checkpoints,
        remembering: Remembering,
        compiling: Compiling,
        starter: TaskStarter,
        events: RunEvents,
        shards: int,
        writes: WritesLog,
        deliveries: Deliveries,
        suspicion: Suspicion,
        drain_limit: float,
        keeper: StateKeeper,
        handovers: Handovers,
    ) -> None:
        """drain_limit: seconds for which a task that was disabled may go on with what was written before."""
        self._bus, self._projection = bus, projection
        self._worker, self._checkpoints, self._remembering = worker, checkpoints, remembering
        self._compiling, self._starter, self._events = compiling, starter, events
        self._shards, self._writes, self._deliveries = shards, writes, deliveries
        self._suspicion, self._drain_limit, self._keeper = suspicion, drain_limit, keeper
        self._handing = HandingOver(worker, events, handovers, projection, self._hold)
        self._leases: Leases
        self._mine: set[int] = set()  # the shards whose tasks may be run here
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._work: set[asyncio.Task[None]] = set()
        self._failed: dict[str, EventsSeq] = {}  # by unit, the run that has failed here
        self._parts: dict[str, set[Unit]] = {}  # by task those that were taken up here and not forgotten
        self._responders = TaskResponders(bus)

    def attach(self, leases: Leases) -> None:
        """The leases that say which shards are ours; changes of tasks count from now on."""
        self._leases = leases
        self._projection.on_change(self._changed)

    async def gain(self, shards: set[int]) -> None:
        """Shards are ours: their tasks are taken up where they were left."""
        self._mine |= shards
        taking_up = self._spawn(self._take_up_all(set(shards)))
        await asyncio.wait([taking_up], timeout=_GAIN)

    async def release(self, shards: set[int]) -> set[int]:
        """Shards are to be given up: their tasks are saved and let go of, without being stopped. Gives the shards.

        BusError or StoreError where they cannot be saved; they then run on.
        """
        self._mine -= shards
        for running in self._in(shards):
            running.moved.set()
        for id_ in [id_ for id_ in self._locks if shard_of_unit(id_, self._shards) in shards]:
            async with self._locks.setdefault(id_, asyncio.Lock()):
                pass
        leaving = [running for running in self._in(shards) if self._worker.remove(running)]
        try:
            await self._hold(leaving)
            await self._worker.outbox.sent()
            await self._checkpoints.save(leaving, self._worker.outbox.sent)
            await self._deliveries.publish()
            if self._leases.others():
                await self._checkpoints.share(leaving)
            else:
                # whoever comes next may have another name; but a stop must not take long for that
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_SHARE):
                        await self._checkpoints.share(leaving)
        except BaseException:
            for running in leaving:
                running.run.go_on()
                self._worker.add(running)
            self._mine |= shards
            raise
        for running in leaving:
            self._responders.end(running.id)
            running.close()
        self._deliveries.close([running.id for running in leaving])
        return shards

    async def _hold(self, leaving: Sequence[TaskUnderWay]) -> None:
        """Have what these tasks send come to a stop, as far as answers do not take long."""
        holding = [asyncio.create_task(running.run.hold()) for running in leaving]
        if holding:
            await asyncio.wait(holding, timeout=_HOLD)
        for one in holding:
            one.cancel()

    def lost(self, shards: set[int]) -> None:
        """Shards are not ours any more: another worker may run their tasks already."""
        self._mine -= shards
        for running in self._in(shards):
            running.lost = True
            self._let_go(running)
            self._deliveries.close([running.id])

    def failed(self, running: TaskUnderWay, error: str) -> None:
        """A task has ended by itself."""
        self._responders.end(running.id)
        self._failed[running.id] = running.enabled
        why = {"enabled": running.enabled, "error": error}
        self._spawn(self._events.publish_at_last(running.task, "failed", why))

    def start_over(self, tasks: Sequence[TaskUnderWay]) -> None:
        """What these tasks have read is not in the log any more: they begin with what is there."""
        for running in tasks:
            if self._let_go(running):
                self._spawn(self._settle(running.unit))

    def _let_go(self, running: TaskUnderWay) -> bool:
        """Take a task out as it is; whether it was there."""
        if not self._worker.remove(running):
            return False
        self._responders.end(running.id)
        running.close()
        return True

    async def finish(self, timeout: float) -> None:
        """Begin nothing more, and wait so many seconds for what is under way."""
        if self._work:
            await asyncio.wait(list(self._work), timeout=timeout)
        left = list(self._work)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _in(self, shards: set[int]) -> list[TaskUnderWay]:
        return [running for running in self._worker.tasks.values() if running.shard in shards]

    async def _take_up_all(self, shards: set[int]) -> None:
        """All tasks of new shards, as soon as it is known here what the workers before us said of them and saved."""
        while shards := shards & self._mine:
            try:
                seqs = [await self._bus.last_subject_sequence(subject) for subject in task_fold.SUBJECTS]
                await self._projection.reached(max(seqs))
                await self._checkpoints.learn()
                await self._deliveries.learn()
                await self._suspicion.learn()
                await self._worker.look(self._checkpoints.mark, functools.partial(self._furthest, frozenset(shards)))
                break
            except BusError as e:
                log.limited("gain").warn("new shards cannot be taken up yet", err=e)
                await asyncio.sleep(_RETRY)
        state = self._projection.state
        for id_ in state.bucket(task_fold.ENDED):
            # such a run may have much of the log before it: nobody has to wait for its end
            for unit in self._units(id_):
                if self._shard(unit) in shards:
                    self._spawn(self._settle(unit))
        known = {*state.bucket(task_fold.TASKS)} - {*state.bucket(task_fold.ENDED)}
        units = [unit for id_ in sorted(known) for unit in self._units(id_)]
        ours = [unit for unit in units if self._shard(unit) in shards]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def settle(some: Sequence[Unit]) -> None:
            async with gate, self._checkpoints.read_ahead([unit.id for unit in some]):
                await asyncio.gather(*map(self._settle, some))

        with self._compiling.loop_lock.hurry():
            await asyncio.gather(*map(settle, [ours[i : i + _TOGETHER] for i in range(0, len(ours), _TOGETHER)]))
        with contextlib.suppress(BusError):  # what is left over is so still when the next shards come
            await self._remembering.sweep(lambda task, name: self._is_left(task, name, shards))
            await self._handing.sweep(lambda task, enabled: self._is_over(task, enabled, shards))
        log.info("took up the tasks of new shards", tasks=len(self._in(shards)))

    def _furthest(self, shards: Collection[int], epochs: Epochs) -> WritesSeq:
        """The last write that tasks of these shards begin behind, or any was said to have come to."""
        runs = [
            record.run
            for id_, record in self._projection.state.bucket(task_fold.TASKS).items()
            if record.run is not None and any(self._shard(unit) in shards for unit in self._units(id_))
        ]
        begins = [epochs.within(run.position, run.began) for run in runs]
        return WritesSeq(max([self._checkpoints.furthest(epochs), *begins]))

    def _is_left(self, id_: str, name: str, shards: set[int]) -> bool:
        """Whether no run of a task of these shards, which are ours, names what it was to remember."""
        runs = [ended.run for ended in task_fold.ended_of(self._projection.state, id_)]
        if (meant := self._meant(id_)) is not None:
            runs.append(meant)
        ours = shard_of_unit(id_, self._shards) in shards & self._mine
        return ours and not any(not run.started or run.remembered == name for run in runs)

    def _is_over(self, id_: str, enabled: int, shards: set[int]) -> bool:
        """Whether a run is over of a task of these shards, which are ours."""
        ours = shard_of_unit(id_, self._shards) in shards & self._mine
        return ours and task_fold.run_of(self._projection.state, id_, EventsSeq(enabled)) is None

    def _meant(self, id_: str) -> RunRecord | None:
        """The run of a task that is meant to be."""
        record = task_fold.task_of(self._projection.state, id_)
        return None if record is None else record.run

    def _changed(self, changes: Sequence[Change]) -> None:
        for id_ in {c.key for c in changes if c.bucket in (task_fold.TASKS, task_fold.ENDED)}:
            for unit in self._units(id_):
                if self._shard(unit) in self._mine:
                    self._spawn(self._settle(unit))

    def _units(self, id_: str) -> list[Unit]:
        """All units of the runs of a task that are not over; one that stopped long ago may be among them."""
        runs = [ended.run for ended in task_fold.ended_of(self._projection.state, id_)]
        if (meant := self._meant(id_)) is not None:
            runs.append(meant)
        found = dict.fromkeys(unit for run in runs for unit in units_of(id_, run.layout))
        return list(found | dict.fromkeys([Unit(id_), *self._parts.get(id_, ())]))

    def _shard(self, unit: Unit) -> int:
        return shard_of_unit(unit.id, self._shards)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _settle(self, unit: Unit) -> None:
        """Bring one unit to where the fold says it should be. Whatever fails here must not end the worker."""
        async with self._locks.setdefault(unit.id, asyncio.Lock()):
            while self._shard(unit) in self._mine:
                try:
                    await self._settle_once(unit)
                    return
                except _NotOurs:
                    return
                except BegunElsewhere:
                    continue
                except (BusError, StoreError, FunctionUnavailable) as e:
                    log.limited(f"settle/{unit.id}").warn(
                        "a task cannot be brought up to date yet", task=unit.id, err=e
                    )
                except Exception as e:
                    log.exception("a task cannot be brought up to date", e, task=unit.id)
                    return
                await asyncio.sleep(_RETRY)

    async def _settle_once(self, unit: Unit) -> None:
        """First what is to end, then what is to run."""
        for ended in task_fold.ended_of(self._projection.state, unit.task):
            if unit in units_of(unit.task, ended.run.layout):
                await self._end(unit, ended)
        run = self._meant(unit.task)
        if run is not None and (unit not in units_of(unit.task, run.layout) or (unit.part and run.state == "failed")):
            run = None
        running = self._worker.tasks.get(unit.id)
        if running is not None and (run is None or (run.enabled, run.began) != (running.enabled, running.began)):
            # it did not end: the log of events is another, which does not know of it; or another part has failed
            self._let_go(running)
            await self._forget(unit)
        if run is None or run.state == "failed" or self._failed.get(unit.id) == run.enabled:
            return
        layout = run.layout
        if layout is not None and unit.layout != layout.sequence:
            try:
                await self._hand_over(unit, run, layout)
            except (TaskFailed, TickscriptError) as e:
                await self._cannot_start(unit, run, api_error(e) if isinstance(e, TickscriptError) else str(e))
        elif unit.id not in self._worker.tasks and (layout is None or layout.handed_over):
            await self._start(unit, run)

    async def _hand_over(self, unit: Unit, run: RunRecord, layout: Layout) -> None:
        """Have a unit come to where all of its layout stop, and leave its state to the parts of the next.

        Raises TaskFailed or TickscriptError where it cannot go on.
        """
        if unit.number in layout.handed:
            await self._forget(unit)
            return
        running = self._worker.tasks.get(unit.id)
        if running is None:
            if condemned := self._suspicion.verdict(unit.id, run.enabled):
                raise TaskFailed(condemned)
            until = layout.paused.get(unit.number)
            running = await self._take_up(unit, run, announce=False, until=until)
        if await self._handing.hand_over(running, run, layout, lambda: self._goes_on(unit, run)):
            self._responders.end(unit.id)
            await self._forget(unit)

    def _goes_on(self, unit: Unit, run: RunRecord) -> bool:
        """Whether a unit is ours and its run is meant, or is to come to its end in order."""
        ended = task_fold.ended_of(self._projection.state, unit.task)
        runs = [self._meant(unit.task), *(one.run for one in ended if not one.deleted)]
        return self._shard(unit) in self._mine and any(one and one.enabled == run.enabled for one in runs)

    async def _end(self, unit: Unit, ended: EndedRun) -> None:
        """Let a run see the log up to where it was ended, flush it, and say that it has stopped."""
        run, layout = ended.run, ended.run.layout
        running = self._worker.tasks.get(unit.id)
        if layout is not None and unit.layout != layout.sequence:
            await self._end_before(unit, ended, layout, running)
            return
        begins = layout is None or layout.handed_over or ended.deleted or run.state == "failed"
        if unit.number in ended.stopped or not begins:
            if ended.all_stopped:
                await self._say_all_stopped(unit.task, ended)
            return
        condemned = self._suspicion.verdict(unit.id, run.enabled)
        left = running is None and run.state == "started" and self._failed.get(unit.id) != run.enabled
        if left and condemned:
            log.error("a task that was ended is not brought to its end", task=unit.id, err=condemned)
        elif left and not ended.deleted:
            with contextlib.suppress(TaskFailed, TickscriptError):
                running = await self._take_up(unit, run, announce=False)
        if running is not None and running.enabled == run.enabled:
            time = _EVER if ended.time is None else ended.time
            position = WritesSeq(self._writes.epochs.within(ended.position, time))
            limit = min(self._drain_limit, _DELETED_DRAIN) if ended.deleted else self._drain_limit
            if not await self._worker.drain(running, position, lambda: running.shard in self._mine, limit):
                log.warn("a task ends before what was written until then", task=unit.id, position=running.position)
            self._check_ours(unit)
            self._keeper.end(running, run)
            self._worker.finish(running)
            self._responders.end(unit.id)
            await self._worker.outbox.sent()
        await self._say_stopped(unit, ended)
        await self._forget(unit)
        await self._suspicion.forget(unit.id, run.enabled)
        await self._remembering.forget(run.remembered)

    async def _end_before(self, unit: Unit, ended: EndedRun, layout: Layout, running: TaskUnderWay | None) -> None:
        """A run was ended while a unit had to hand over: it does so, unless nobody needs it."""
        if not ended.deleted and ended.run.state != "failed":
            try:
                await self._hand_over(unit, ended.run, layout)
            except (TaskFailed, TickscriptError) as e:
                log.error("a task that was ended is not brought to its end", task=unit.id, err=e)
                await self._say_all_stopped(unit.task, ended)
        elif running is not None and running.enabled == ended.run.enabled:
            self._let_go(running)
            await self._forget(unit)

    async def _say_stopped(self, unit: Unit, ended: EndedRun) -> None:
        """Say that a run has stopped, or a part of it, and who is the last of them says so of the run."""
        if ended.run.layout is not None:
            data = {"enabled": ended.run.enabled, "disabled": ended.sequence, "part": unit.number}
            await self._projection.reached(await self._events.publish(unit.task, "part-stopped", data))
            all_ended = task_fold.ended_of(self._projection.state, unit.task)
            if not any(one.sequence == ended.sequence and one.all_stopped for one in all_ended):
                return
        await self._say_all_stopped(unit.task, ended)

    async def _say_all_stopped(self, task: str, ended: EndedRun) -> None:
        """Say that a run has stopped. Several workers may say so; the first ends what is known of it."""
        if ended.run.layout is not None:
            await self._handing.forget(task, ended.run)
        await self._events.publish(task, "stopped", {"disabled": ended.sequence})

    async def _forget(self, unit: Unit) -> None:
        """A unit runs no more."""
        self._parts.get(unit.task, set()).discard(unit)
        await self._checkpoints.drop(unit.id)
        self._deliveries.drop(unit.id)

    async def _start(self, unit: Unit, run: RunRecord) -> None:
        """Start a run, or go on with one that another worker (or this one before a crash) has begun."""
        if condemned := self._suspicion.verdict(unit.id, run.enabled):
            await self._cannot_start(unit, run, condemned)
            await self._suspicion.forget(unit.id, run.enabled)
            return
        try:
            running = await self._take_up(unit, run)
            flaw = running.run.flaw()
            if flaw is not None:
                self._spawn(self._fail_soon(running, flaw))
        except (FunctionUnavailable, BusError, StoreError, _NotOurs, BegunElsewhere):
            raise
        except (TaskFailed, TickscriptError) as e:
            await self._cannot_start(unit, run, api_error(e) if isinstance(e, TickscriptError) else str(e))
        except Exception as e:
            log.exception("a task broke", e, task=unit.id)
            await self._cannot_start(unit, run, f"internal error: {type(e).__name__}: {e}")

    async def _cannot_start(self, unit: Unit, run: RunRecord, error: str) -> None:
        log.error("a task cannot start", task=unit.id, err=error)
        await self._events.publish(unit.task, "failed", {"enabled": run.enabled, "error": error})
        self._failed[unit.id] = run.enabled

    async def _fail_soon(self, running: TaskUnderWay, flaw: str) -> None:
        """End a task that has started, but late enough for whoever enabled it to be told that it has."""
        await asyncio.sleep(_FAIL_AFTER)
        if self._worker.tasks.get(running.id) is running:
            self._worker.fail(running, flaw)

    async def _take_up(
        self, unit: Unit, run: RunRecord, announce: bool = True, until: WritesSeq | None = None
    ) -> TaskUnderWay:
        """The run with its saved state, added to the worker and, where another worker had it or none, announced.

        until: it sees nothing of the log behind that. Raises TaskFailed or TickscriptError where it cannot start,
        _NotOurs where another worker has it now.
        """
        started = await self._starter.take_up(unit, run, self._shard(unit), self._leases.status)
        task = started.task
        task.until = until
        self._responders.begin(task)  # before it is said to run: whoever hears that may ask at once
        try:
            if announce:
                await self._starter.announce(started, run)
            self._check_ours(unit)
        except BaseException:
            self._responders.end(unit.id)
            task.close()
            raise
        if unit.part:
            self._parts.setdefault(unit.task, set()).add(unit)
        self._worker.add(task)
        self._keeper.taken_up(task, run, started.restored)
        note = log.debug if started.restored else log.info
        note("a task runs", task=unit.id, position=task.reached, restored=started.restored)
        return task

    def _check_ours(self, unit: Unit) -> None:
        if self._shard(unit) not in self._mine:
            raise _NotOurs
