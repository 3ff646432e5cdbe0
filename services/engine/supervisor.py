"""Which tasks run on this worker: the enabled ones of its shards. Starts them, stops them, and says so on the bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from grammar.tickscript.ast import TickscriptError
from services import log as logs
from services.bus import events
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.events import Event
from services.bus.subjects import ask_subject, event_subject
from services.engine.checkpoints import Checkpoints
from services.engine.leases import Leases
from services.engine.node import Node, TaskFailed
from services.engine.nodes.alert import topics_of
from services.engine.result import unprintable
from services.engine.scripts import ParsedScripts
from services.engine.series import SeriesTable
from services.engine.shards import shard_of
from services.engine.task import Surroundings, TaskRun
from services.engine.worker import Running, Worker
from services.pipeline.compile import api_error, compile_script
from services.pipeline.graph import GraphNode
from services.pipeline.spec import Registry
from services.pipeline.vars import parse_vars
from services.store.projection import Change, Projection
from services.store.projections import tasks as fold
from services.store.store import Store

log = logs.get("engine")

_DRAIN = 5.0  # seconds that a disabled task may take to see the log up to where it was disabled
_RETRY = 1.0
_ASKS, _ASK_SECONDS = 5, 1.0


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
        describe_handler: Callable[[Any], dict[str, Any]],
    ) -> None:
        self._bus, self._store, self._projection = bus, store, projection
        self._worker, self._checkpoints = worker, checkpoints
        self._registry, self._classes, self._table = registry, classes, table
        self._shards, self._name, self._around = shards, name, around
        self._describe_handler = describe_handler
        self._leases: Leases | None = None
        self._locks: dict[str, asyncio.Lock] = {}
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
        state = self._projection.state
        known = {*state.bucket(fold.TASKS), *state.bucket(fold.ENDED)}
        mine = [id_ for id_ in sorted(known) if shard_of(id_, self._shards) in shards]
        await asyncio.gather(*(self._settle(id_) for id_ in mine))

    async def release(self, shards: set[int]) -> None:
        """Shards are to be given up: their tasks are saved and let go of, without being stopped."""
        mine = [id_ for id_, r in self._worker.tasks.items() if r.shard in shards]
        await self._worker.save(mine)
        for id_ in mine:
            running = self._worker.remove(id_)
            if running is not None:
                self._unanswer(id_)
                running.run.close()

    def lost(self, shards: set[int]) -> None:
        """Shards are not ours any more: another worker may run their tasks already."""
        for id_ in [id_ for id_, r in self._worker.tasks.items() if r.shard in shards]:
            running = self._worker.remove(id_)
            if running is not None:
                self._unanswer(id_)
                running.run.close()

    def failed(self, task: str, error: str) -> None:
        """A task has ended by itself."""
        self._unanswer(task)
        record = fold.task_of(self._projection.state, task)
        if record is not None and record["run"] is not None:
            enabled = record["run"]["enabled"]
            self._failed[task] = enabled
            self._spawn(self._say_at_last(task, "failed", {"enabled": enabled, "error": error}))

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._work:
            await asyncio.wait(list(self._work))

    def _changed(self, changes: Sequence[Change]) -> None:
        for id_ in {c.key for c in changes if c.bucket in (fold.TASKS, fold.ENDED)}:
            if self._leases is not None and shard_of(id_, self._shards) in self._leases.owned:
                self._spawn(self._settle(id_))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _settle(self, id_: str) -> None:
        """Bring one task to where the fold says it should be. Whatever fails here must not end the worker."""
        async with self._locks.setdefault(id_, asyncio.Lock()):
            while True:
                try:
                    await self._settle_once(id_)
                    return
                except BusError as e:
                    log.warn("a task cannot be brought up to date yet", task=id_, error=str(e))
                    await asyncio.sleep(_RETRY)

    async def _settle_once(self, id_: str) -> None:
        """First what is to end, then what is to run."""
        state = self._projection.state
        ended = state.get(fold.ENDED, id_)
        if ended is not None:
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
            running = await self._take_up(id_, run)
        if running is not None:
            await self._worker.drain(id_, ended["position"], _DRAIN)
            if self._worker.remove(id_) is not None:
                try:
                    self._worker.perform(running, running.run.finish(time.time_ns()))
                except TaskFailed as e:
                    log.error("a task has failed", task=id_, error=str(e))
                running.run.close()
                await self._worker.outbox.sent()
            self._unanswer(id_)
        self._checkpoints.drop(id_)
        await self._say(id_, "stopped", {"disabled": ended["sequence"]})

    async def _start(self, id_: str, run: Mapping[str, Any]) -> None:
        """Start a run, or go on with one that another worker (or this one before a crash) has begun."""
        try:
            running = await self._take_up(id_, run)
        except (TaskFailed, TickscriptError) as e:
            text = api_error(e) if isinstance(e, TickscriptError) else str(e)
            self._failed[id_] = run["enabled"]
            log.error("a task cannot start", task=id_, error=text)
            await self._say(id_, "failed", {"enabled": run["enabled"], "error": text})
            return
        self._answer(id_, running)

    async def _take_up(self, id_: str, run: Mapping[str, Any]) -> Running:
        """The run with its saved state, added to the worker and announced. TaskFailed or TickscriptError if it cannot."""
        shard = shard_of(id_, self._shards)
        levels = run["levels"] if run["started"] else None
        task, graph_alerts = await self._build(id_, run["definition"], levels)
        position = run["position"]
        found = await self._checkpoints.load(id_, run["enabled"], shard)
        if found is not None:
            try:
                task.restore(found.state)
                position = max(position, found.position)
            except (ValueError, KeyError, TypeError) as e:
                log.warn("a saved state does not fit; the log is replayed instead", task=id_, error=str(e))
                task.close()
                task, graph_alerts = await self._build(id_, run["definition"], levels)
        leases = self._leases
        running = Running(
            run=task,
            shard=shard,
            enabled=run["enabled"],
            position=position,
            started=run["started"],
            valid=lambda: leases is not None and leases.valid(shard),
        )
        if run["worker"] != self._name or not run["started"]:
            alerts = {"alerts": graph_alerts, "levels": task.around.levels}
            said = {"enabled": run["enabled"], "position": position, "worker": self._name, **alerts}
            seq = await self._say(id_, "started", said)
            running.started = run["started"] or seq
        self._worker.add(running)
        log.info("a task runs", task=id_, position=position, restored=found is not None)
        return running

    async def _build(
        self, id_: str, definition: Mapping[str, Any], levels: Mapping[str, Any] | None
    ) -> tuple[TaskRun, list[dict[str, Any]]]:
        compiled = compile_script(
            self._scripts.parsed(definition["script"]), self._registry, parse_vars(definition["vars"])
        )
        mismatch = compiled.graph.mismatch()
        if mismatch is not None:
            raise TaskFailed(mismatch)
        alerts = [self._alert(id_, node.name, node.properties) for node in compiled.graph.nodes if _is_alert(node)]
        if levels is None:
            levels = await self._topic_levels([topic for a in alerts for topic in a["topics"]])
        dbrps = [(d["db"], d["rp"]) for d in definition["dbrps"]]
        task = TaskRun(
            id_, compiled.graph, dbrps, self._classes, self._table, log, replace(self._around, levels=levels)
        )
        return task, alerts

    def _alert(self, task: str, node: str, properties: Any) -> dict[str, Any]:
        """An alert node as `run.started` describes it."""
        handlers = [self._describe_handler(use) for use in properties.handlers]
        topics = topics_of(properties, task, node)
        return {"node": node, "topic": topics[0] if handlers else "", "topics": list(topics), "handlers": handlers}

    async def _topic_levels(self, topics: list[str]) -> Mapping[str, Any]:
        """How the alerts of these topics stand, so that a task that starts again goes on from there."""
        if not topics:
            return {}
        for _ in range(_ASKS):
            try:
                answer = await self._bus.ask(
                    ask_subject("alerting", "levels"), orjson.dumps({"topics": topics}), _ASK_SECONDS
                )
                levels: Mapping[str, Any] = orjson.loads(answer)
                return levels
            except BusError as e:
                log.warn("alerting does not say how topics stand", error=str(e))
                await asyncio.sleep(_ASK_SECONDS / 4)
        return {}

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

    def _answer(self, id_: str, running: Running) -> None:
        """Answer what is asked about this task, for as long as it runs here."""
        self._unanswer(id_)

        async def stats(data: bytes, headers: Mapping[str, str]) -> bytes:
            return orjson.dumps({"executing": True, "stats": running.run.statistics()})

        async def endpoint(data: bytes, headers: Mapping[str, str]) -> bytes:
            return endpoint_answer(running.run, orjson.loads(data)["endpoint"])

        self._answering[id_] = [
            self._bus.answer(ask_subject("task", id_, "stats"), stats),
            self._bus.answer(ask_subject("task", id_, "endpoint"), endpoint),
        ]

    def _unanswer(self, id_: str) -> None:
        for one in self._answering.pop(id_, ()):
            one.stop()


def endpoint_answer(run: TaskRun, endpoint: str) -> bytes:
    """What a task's httpOut endpoint answers, as {"status", "body"}: 404 where there is none, 500 for NaN."""
    try:
        result = run.endpoint(endpoint)
    except KeyError:
        return orjson.dumps({"status": 404, "body": {"error": "Not Found"}})
    bad = unprintable(result)
    if bad is not None:
        return orjson.dumps({"status": 500, "body": {"error": f"json: unsupported value: {bad}"}})
    return orjson.dumps({"status": 200, "body": result}, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=int)


def _is_alert(node: GraphNode) -> bool:
    return node.spec.takes_handlers
