"""A stand-in for an engine worker, for tests of the gateway alone: it says that tasks run, and has no data."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from grammar.tickscript.parser import parse
from schemas.requests.engine import ENGINE_STATS, TASK_ENDPOINT, TASK_STATS
from services.bus import events
from services.bus.connection import Bus
from services.bus.errors import BusUnavailable
from services.bus.events import Event, decode
from services.bus.requests import Responder
from services.bus.streams import EVENTS
from services.bus.subjects import request_subject
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.compiler.vars import parse_vars
from services.pipeline.graph import Graph
from services.store.folds import tasks
from services.store.folds.state import Change
from services.store.projection import Projection
from services.store.store import Store


@dataclass
class _Run:
    enabled: int
    graph: Graph
    answering: list[Responder]


RESULT = '{"series":[{"name":"m","columns":["time","v","w"],"values":[["1970-01-01T00:00:00Z",-0,1e+21]]}]}'
"""What every httpOut endpoint shows."""


class StandInWorker:
    """Use as an async context manager.

    fails: by task, what it says instead of having started it; fails_with: the same by script and task. silent: it
    says nothing at all.
    """

    def __init__(self, bus: Bus, path: Path) -> None:
        self.fails: dict[str, str] = {}
        self.fails_with: dict[tuple[str, str], str] = {}
        self.silent = False
        self._bus = bus
        self._path = path
        self._runs: dict[str, _Run] = {}
        self._changes: asyncio.Queue[Change] = asyncio.Queue()

    async def __aenter__(self) -> StandInWorker:
        self._store = Store.open(self._path, "stand-in", durable=False)
        self._projection: Projection[Event] = Projection(self._store, tasks.fold, EVENTS, records=tasks.RECORDS)
        self._projection.on_change(self._changed)
        await self._projection.start(self._bus, tasks.SUBJECTS, decode)
        self._answering = self._bus.answer(request_subject("engine", "stats", "stand-in"), self._many_stats)
        self._working = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answering.stop()
        self._working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._working
        await self._projection.stop()
        self._store.close()

    def _changed(self, changes: list[Change]) -> None:
        for change in changes:
            self._changes.put_nowait(change)

    async def _work(self) -> None:
        while True:
            change = await self._changes.get()
            if change.bucket != tasks.TASKS or self.silent:
                continue
            run = change.after.run if change.after else None
            running = self._runs.get(change.key)
            if running and (run is None or run.enabled != running.enabled):
                for answering in self._runs.pop(change.key).answering:
                    answering.stop()
                await self._say(change.key, "stopped", {"disabled": change.seq})
            if run and run.state == "starting" and change.key not in self._runs:
                await self._start(change.key, run)

    async def _start(self, id: str, run: tasks.RunRecord) -> None:
        definition = run.definition
        error = self.fails.get(id) or self.fails_with.get((definition.script, id))
        if error:
            await self._say(id, "failed", {"enabled": run.enabled, "error": error})
            return
        graph = compile_script(parse(definition.script), registry(), parse_vars(definition.vars)).graph
        stats = self._bus.answer(request_subject("task", id, "stats"), self._stats(graph))
        endpoint = self._bus.answer(request_subject("task", id, "endpoint"), self._endpoint(graph))
        self._runs[id] = _Run(run.enabled, graph, [stats, endpoint])
        told = {"enabled": run.enabled, "position": run.position, "worker": "stand-in", "alerts": []}
        await self._say(id, "started", told)

    async def _say(self, id: str, what: str, data: dict[str, Any]) -> None:
        """Say it, again while the bus is away."""
        event = Event("run", id, what, data, time.time_ns(), source="tickbus/stand-in")
        headers, body = events.encode(event)
        while True:
            try:
                await self._bus.publish(event.subject, body, headers)
                return
            except BusUnavailable:
                await asyncio.sleep(0.05)

    def _stats(self, graph: Graph) -> Any:
        async def answer(data: bytes, headers: Mapping[str, str]) -> bytes:
            return TASK_STATS.encode_response(_no_stats(graph))

        return answer

    async def _many_stats(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        ids = ENGINE_STATS.decode_request(data)["ids"]
        tasks = {id: _no_stats(self._runs[id].graph) for id in ids if id in self._runs}
        return ENGINE_STATS.encode_response({"worker": "stand-in", "lag": 0, "refused": 0, "tasks": tasks})

    def _endpoint(self, graph: Graph) -> Any:
        shown = {getattr(node.properties, "endpoint", None) for node in graph.nodes}

        async def answer(data: bytes, headers: Mapping[str, str]) -> bytes:
            if TASK_ENDPOINT.decode_request(data)["endpoint"] in shown:
                return TASK_ENDPOINT.encode_response({"status": 200, "body": RESULT})
            return TASK_ENDPOINT.encode_response({"status": 404, "body": {"error": "no task exists"}})

        return answer


def _no_stats(graph: Graph) -> dict[str, Any]:
    """What a task says that has done nothing yet."""
    zero = {"collected": 0, "emitted": 0, "errors": 0, "working_cardinality": 0, "avg_exec_time_ns": 0}
    stats = {"task-stats": {"throughput": 0.0}, "node-stats": {node.name: zero for node in graph.nodes}}
    return {"executing": True, "stats": stats}
