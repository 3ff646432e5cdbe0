"""Which tasks run on this worker: the enabled ones of its shards. Starts them, stops them, and says so on the bus."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import orjson

from grammar.gotemplate.errors import CallError
from grammar.gotemplate.gojson import encode
from grammar.tickscript.ast import TickscriptError
from services import log as logs
from services.bus import events
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.events import Event
from services.bus.streams import ALERTS
from services.bus.subjects import ask_subject, event_subject
from services.engine.checkpoints import Checkpoints
from services.engine.leases import Leases
from services.engine.node import Node, TaskFailed
from services.engine.nodes.alert import topics_of
from services.engine.outbox import Standing
from services.engine.running import Running
from services.engine.scripts import ParsedScripts
from services.engine.series import SeriesTable
from services.engine.shards import shard_of
from services.engine.task import Surroundings, TaskRun
from services.engine.worker import Worker
from services.pipeline.compile import api_error, compile_script
from services.pipeline.functions import FunctionUnavailable
from services.pipeline.graph import GraphNode
from services.pipeline.spec import Registry
from services.pipeline.vars import parse_vars
from services.store.errors import StoreError
from services.store.projection import Change, Projection
from services.store.projections import tasks as fold
from services.store.store import Store

log = logs.get("engine")

_FAIL_AFTER = 0.1
_RETRY = 1.0
_GAIN = 30.0  # seconds that taking up the tasks of new shards may hold up the balance; it goes on beside it
_AT_ONCE = 64
_LEVELS_SECONDS, _ASK_SECONDS = 20.0, 5.0  # how long alerting, which may be restarting, is asked; and once
_ASK_PAUSE = 0.25


class _NotOurs(Exception):
    """The task's shard was given up or lost meanwhile."""


class Supervisor:
    """Keeps what runs in step with the fold of tasks and with the leases. One change of a task after another."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        projection: Projection[Event],
        worker: Worker,
        checkpoints: Checkpoints,
        registry: Registry,
        classes: Mapping[str, type[Node]],
        table: SeriesTable,
        shards: int,
        name: str,
        around: Surroundings,
        describe_handlers: Callable[[Any], list[dict[str, Any]]],
    ) -> None:
        self._bus, self._store, self._projection = bus, store, projection
        self._worker, self._checkpoints = worker, checkpoints
        self._registry, self._classes, self._table = registry, classes, table
        self._shards, self._name, self._around = shards, name, around
        self._describe_handlers = describe_handlers
        self._leases: Leases
        self._mine: set[int] = set()  # the shards whose tasks may be run here
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._building = asyncio.Lock()
        self._work: set[asyncio.Task[None]] = set()
        self._failed: dict[str, int] = {}
        self._answering: dict[str, list[Answering]] = {}
        self._scripts = ParsedScripts(store)

    def attach(self, leases: Leases) -> None:
        """The leases that say which shards are ours; changes of tasks count from now on."""
        self._leases = leases
        self._projection.on_change(self._changed)

    async def gain(self, shards: set[int]) -> None:
        """Shards are ours: their tasks are taken up where they were left."""
        self._mine |= shards
        taking_up = self._spawn(self._take_up_all(set(shards)))
        await asyncio.wait([taking_up], timeout=_GAIN)

    async def release(self, shards: set[int]) -> None:
        """Shards are to be given up: their tasks are saved and let go of, without being stopped.

        BusError or StoreError where they cannot be saved; they then run on.
        """
        self._mine -= shards
        for running in self._in(shards):
            running.moved.set()
        for id_ in [id_ for id_ in self._locks if shard_of(id_, self._shards) in shards]:
            async with self._locks.setdefault(id_, asyncio.Lock()):
                pass
        leaving = [running for running in self._in(shards) if self._worker.remove(running)]
        try:
            await self._worker.outbox.sent()
            self._checkpoints.save(leaving)
            if self._leases.others():
                await self._checkpoints.share(leaving)
        except BaseException:
            for running in leaving:
                self._worker.add(running)
            self._mine |= shards
            raise
        for running in leaving:
            self._unanswer(running.id)
            running.close()

    def lost(self, shards: set[int]) -> None:
        """Shards are not ours any more: another worker may run their tasks already."""
        self._mine -= shards
        for running in self._in(shards):
            running.lost = True
            self._worker.remove(running)
            self._unanswer(running.id)
            running.close()

    def failed(self, running: Running, error: str) -> None:
        """A task has ended by itself."""
        self._unanswer(running.id)
        self._failed[running.id] = running.enabled
        told = {"enabled": running.enabled, "error": error}
        self._spawn(self._say_at_last(running.id, "failed", told))

    async def finish(self, timeout: float) -> None:
        """Begin nothing more, and wait so many seconds for what is under way."""
        if self._work:
            await asyncio.wait(list(self._work), timeout=timeout)
        left = list(self._work)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _in(self, shards: set[int]) -> list[Running]:
        return [running for running in self._worker.tasks.values() if running.shard in shards]

    async def _take_up_all(self, shards: set[int]) -> None:
        """All tasks of new shards, as soon as it is known here what the workers before us said of them and saved."""
        while shards := shards & self._mine:
            try:
                seqs = [await self._bus.last_subject_sequence(subject) for subject in fold.SUBJECTS]
                await self._projection.reached(max(seqs))
                await self._checkpoints.learn()
                break
            except BusError as e:
                log.limited("gain").warn("new shards cannot be taken up yet", error=str(e))
                await asyncio.sleep(_RETRY)
        state = self._projection.state
        for id_ in state.bucket(fold.ENDED):
            # such a run may have much of the log before it: nobody has to wait for its end
            if shard_of(id_, self._shards) in shards:
                self._spawn(self._settle(id_))
        known = {*state.bucket(fold.TASKS)} - {*state.bucket(fold.ENDED)}
        gate = asyncio.Semaphore(_AT_ONCE)

        async def settle(id_: str) -> None:
            async with gate:
                await self._settle(id_)

        await asyncio.gather(*(settle(id_) for id_ in sorted(known) if shard_of(id_, self._shards) in shards))
        log.info("took up the tasks of new shards", tasks=len(self._in(shards)))

    def _changed(self, changes: Sequence[Change]) -> None:
        for id_ in {c.key for c in changes if c.bucket in (fold.TASKS, fold.ENDED)}:
            if shard_of(id_, self._shards) in self._mine:
                self._spawn(self._settle(id_))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _settle(self, id_: str) -> None:
        """Bring one task to where the fold says it should be. Whatever fails here must not end the worker."""
        async with self._locks.setdefault(id_, asyncio.Lock()):
            while shard_of(id_, self._shards) in self._mine:
                try:
                    await self._settle_once(id_)
                    return
                except _NotOurs:
                    return
                except (BusError, StoreError, FunctionUnavailable) as e:
                    log.limited(f"settle/{id_}").warn("a task cannot be brought up to date yet", task=id_, error=str(e))
                except Exception as e:
                    log.exception("a task cannot be brought up to date", e, task=id_)
                    return
                await asyncio.sleep(_RETRY)

    async def _settle_once(self, id_: str) -> None:
        """First what is to end, then what is to run."""
        state = self._projection.state
        for ended in state.get(fold.ENDED, id_) or ():
            await self._end(id_, ended)
        record = fold.task_of(state, id_)
        run = None if record is None else record["run"]
        if run is None or run["state"] == "failed" or self._failed.get(id_) == run["enabled"]:
            return
        if id_ not in self._worker.tasks:
            await self._start(id_, run)

    async def _end(self, id_: str, ended: Mapping[str, Any]) -> None:
        """Let a run see the log up to where it was ended, flush it, and say that it has stopped."""
        run = ended["run"]
        running = self._worker.tasks.get(id_)
        if running is None and run["state"] == "started" and self._failed.get(id_) != run["enabled"]:
            with contextlib.suppress(TaskFailed, TickscriptError):
                running = await self._take_up(id_, run, announce=False)
        if running is not None and running.enabled == run["enabled"]:
            await self._worker.drain(running, ended["position"], lambda: running.shard in self._mine)
            self._check_ours(id_)
            self._worker.finish(running)
            self._unanswer(id_)
            await self._worker.outbox.sent()
        await self._say(id_, "stopped", {"disabled": ended["sequence"]})
        await self._checkpoints.drop(id_)

    async def _start(self, id_: str, run: Mapping[str, Any]) -> None:
        """Start a run, or go on with one that another worker (or this one before a crash) has begun."""
        try:
            running = await self._take_up(id_, run)
            flaw = running.run.flaw()
            if flaw is not None:
                self._spawn(self._fail_soon(running, flaw))
        except (FunctionUnavailable, BusError, StoreError, _NotOurs):
            raise
        except (TaskFailed, TickscriptError) as e:
            await self._cannot_start(id_, run, api_error(e) if isinstance(e, TickscriptError) else str(e))
        except Exception as e:
            log.exception("a task broke", e, task=id_)
            await self._cannot_start(id_, run, f"internal error: {type(e).__name__}: {e}")

    async def _cannot_start(self, id_: str, run: Mapping[str, Any], error: str) -> None:
        log.error("a task cannot start", task=id_, error=error)
        await self._say(id_, "failed", {"enabled": run["enabled"], "error": error})
        self._failed[id_] = run["enabled"]

    async def _fail_soon(self, running: Running, flaw: str) -> None:
        """End a task that has started, but late enough for whoever enabled it to be told that it has."""
        await asyncio.sleep(_FAIL_AFTER)
        if self._worker.tasks.get(running.id) is running:
            self._worker.fail(running, flaw)

    async def _take_up(self, id_: str, run: Mapping[str, Any], announce: bool = True) -> Running:
        """The run with its saved state, added to the worker and, where another worker had it or none, announced.

        Raises TaskFailed or TickscriptError where it cannot start, _NotOurs where another worker has it now.
        """
        levels = run["levels"] if run["started"] else None
        found = await self._checkpoints.load(id_, run["enabled"])
        task, alerts = await self._build(id_, run, levels)
        position = run["position"]
        if found is not None:
            try:
                task.restore(found.state)
                position = max(position, found.position)
            except (ValueError, KeyError, TypeError) as e:
                log.warn("a saved state does not fit; the log is replayed instead", task=id_, error=str(e))
                task.close()
                found = None
                task, alerts = await self._build(id_, run, levels)
        running = self._running(task, run, position)
        running.dirty = found is None or not found.here
        running.left = bool(run["started"])
        if running.left and task.clocked:
            running.told = await self._last_told(running, [topic for a in alerts for topic in a["topics"]])
        self._answer(running)  # before it is said to run: whoever hears that may ask at once
        try:
            if announce and (run["worker"] != self._name or not run["started"]):
                told = {"alerts": alerts, "levels": task.around.levels}
                await self._announce(running, told)
            self._check_ours(id_)
        except BaseException:
            self._unanswer(id_)
            running.close()
            raise
        self._worker.add(running)
        said = log.info if found is None else log.debug
        said("a task runs", task=id_, position=position, restored=found is not None)
        return running

    def _running(self, task: TaskRun, run: Mapping[str, Any], position: int) -> Running:
        def standing() -> Standing:
            if running.lost or running.shard not in self._leases.owned:
                return Standing.LOST
            return Standing.HELD if self._leases.standing else Standing.UNSURE

        shard = shard_of(task.id, self._shards)
        running = Running(task, shard, run["enabled"], position, run["started"], standing)
        return running

    async def _announce(self, running: Running, told: Mapping[str, Any]) -> None:
        """Say that the run has started here, and learn which was its first start: that one names its handlers."""
        said = {"enabled": running.enabled, "position": running.position, "worker": self._name, **told}
        seq = await self._say(running.id, "started", said)
        await self._projection.reached(seq)
        record = fold.task_of(self._projection.state, running.id)
        if record is not None and record["run"] is not None and record["run"]["enabled"] == running.enabled:
            running.started = record["run"]["started"]

    def _check_ours(self, id_: str) -> None:
        if shard_of(id_, self._shards) not in self._mine:
            raise _NotOurs

    async def _build(
        self, id_: str, run: Mapping[str, Any], levels: Mapping[str, Any] | None
    ) -> tuple[TaskRun, list[dict[str, Any]]]:
        definition = run["definition"]
        async with self._building:
            # parsing a script takes some milliseconds: with many to be built the heartbeat has to come through
            await asyncio.sleep(0)
            compiled = compile_script(
                self._scripts.parsed(definition["script"]), self._registry, parse_vars(definition["vars"])
            )
        mismatch = compiled.graph.mismatch()
        if mismatch is not None:
            raise TaskFailed(mismatch)
        alerts = [self._alert(id_, node.name, node.properties) for node in compiled.graph.nodes if _is_alert(node)]
        if levels is None:
            levels = await self._topic_levels([topic for a in alerts for topic in a["topics"]], run["enabled"])
        dbrps = [(d["db"], d["rp"]) for d in definition["dbrps"]]
        around = replace(self._around, levels=levels)
        task = TaskRun(id_, compiled.graph, dbrps, self._classes, self._table, log, around, run["began"])
        return task, alerts

    def _alert(self, task: str, node: str, properties: Any) -> dict[str, Any]:
        """An alert node as `run.started` describes it."""
        try:
            handlers = self._describe_handlers(properties)
        except ValueError as e:
            raise TaskFailed(str(e)) from e
        topics = topics_of(properties, task, node)
        return {"node": node, "topic": topics[0] if handlers else "", "topics": list(topics), "handlers": handlers}

    async def _topic_levels(self, topics: list[str], enabled: int) -> Mapping[str, Any]:
        """How the alerts of these topics stand, so that a task that starts again goes on from there.

        Without those that are OK in all of them. Where there were alerts and nobody answers for long, the task starts
        as if there had been none.
        """
        if not topics:
            return {}
        until = time.monotonic() + _LEVELS_SECONDS
        while True:
            try:
                question = orjson.dumps({"topics": topics, "after": enabled})
                levels = orjson.loads(await self._bus.ask(ask_subject("alerting", "levels"), question, _ASK_SECONDS))
                alert = {id_ for stood in levels.values() for id_, (level, _, _) in stood.items() if level}
                return {topic: {i: s for i, s in stood.items() if i in alert} for topic, stood in levels.items()}
            except BusError as e:
                log.warn("alerting does not say how topics stand", error=str(e))
            if time.monotonic() > until or not await self._bus.last_sequence(ALERTS):
                return {}
            await asyncio.sleep(_ASK_PAUSE)

    async def _last_told(self, running: Running, topics: list[str]) -> int:
        """The last tick (ns) of which alerts were told in this run: its clock had come so far before it was left.

        The log holds only what points have set off, and a state is from before. What the clock has set off since then
        is done again, the same as it was, and dropped as a repetition.
        """
        question = orjson.dumps({"task": running.id, "started": running.started, "topics": topics})
        until = time.monotonic() + _LEVELS_SECONDS
        while topics and await self._bus.last_sequence(ALERTS):
            try:
                answer = await self._bus.ask(ask_subject("alerting", "ticked"), question, _ASK_SECONDS)
                return int(orjson.loads(answer)["tick"])
            except BusError as e:
                log.limited("ticked").warn("alerting does not say what it was told", task=running.id, error=str(e))
            if time.monotonic() > until:
                break
            await asyncio.sleep(_ASK_SECONDS / 4)
        return 0

    async def _say_at_last(self, id_: str, what: str, data: Mapping[str, Any]) -> None:
        while True:
            try:
                await self._say(id_, what, data)
                return
            except BusError as e:
                log.warn("the bus does not take a message yet", task=id_, error=str(e))
                await asyncio.sleep(_RETRY)

    async def _say(self, id_: str, what: str, data: Mapping[str, Any]) -> int:
        """Publish a fact about a run; its sequence."""
        headers, body = events.encode(Event("run", id_, what, dict(data), time.time_ns(), source=self._name))
        ack = await self._bus.publish(event_subject("run", id_, what), body, headers)
        return ack.seq

    def _answer(self, running: Running) -> None:
        """Answer what is asked about this task, for as long as it runs here: not while another worker may have it."""
        self._unanswer(running.id)

        async def stats(data: bytes, headers: Mapping[str, str]) -> bytes | None:
            if running.standing() is not Standing.HELD:
                return None
            return orjson.dumps({"executing": True, "stats": running.run.statistics()})

        async def endpoint(data: bytes, headers: Mapping[str, str]) -> bytes | None:
            if running.standing() is not Standing.HELD:
                return None
            return endpoint_answer(running.run, orjson.loads(data)["endpoint"])

        self._answering[running.id] = [
            self._bus.answer(ask_subject("task", running.id, "stats"), stats),
            self._bus.answer(ask_subject("task", running.id, "endpoint"), endpoint),
        ]

    def _unanswer(self, id_: str) -> None:
        for one in self._answering.pop(id_, ()):
            one.stop()


def endpoint_answer(run: TaskRun, endpoint: str) -> bytes:
    """What a task's httpOut endpoint answers, as {"status", "body"}: 404 where there is none, 500 for NaN.

    With 200 the body is JSON in a string, which is to be given as it is: numbers keep their form.
    """
    try:
        return orjson.dumps({"status": 200, "body": encode(run.endpoint(endpoint)).decode()})
    except KeyError:
        return orjson.dumps({"status": 404, "body": {"error": "Not Found"}})
    except CallError as error:
        return orjson.dumps({"status": 500, "body": {"error": str(error)}})


def _is_alert(node: GraphNode) -> bool:
    return node.spec.takes_handlers
