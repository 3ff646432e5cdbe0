"""The nodes of single tasks, every two seconds: their statistics, and what goes from one to the next."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from services.bus.connection import Bus
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.node_stats import Stats
from services.gateway.live.feed import PERIOD_SECONDS, Feed
from services.gateway.live.rates import Rates
from services.gateway.live.viewer import Viewer, frame
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.outline import Outline


class NodeFeed(Feed):
    """For viewers of `node-stats`: each task is asked for once, however many look on."""

    def __init__(self, bus: Bus, engine: EngineClient, tasks: TaskReadModel, scripts: Scripts) -> None:
        super().__init__()
        self._bus, self._engine, self._tasks, self._scripts = bus, engine, tasks, scripts
        self._rates = Rates()
        self._shown: dict[str, tuple[Any, bytes]] = {}
        self._joined = asyncio.Event()

    def joined(self, viewer: Viewer) -> None:
        shown = self._shown.get(viewer.wanted.task)
        if shown is not None:
            viewer.show("node-stats", shown[1])
        self._joined.set()

    async def run(self) -> None:
        while True:
            self._joined.clear()
            wanted = {viewer.wanted.task for viewer in self.viewers}
            self._shown = {task: shown for task, shown in self._shown.items() if task in wanted}
            if self._bus.connected:
                await asyncio.gather(*map(self._look, wanted))
            try:
                async with asyncio.timeout(PERIOD_SECONDS):
                    await self._joined.wait()
            except TimeoutError:
                continue

    def ended(self) -> None:
        self._shown, self._rates = {}, Rates()

    async def _look(self, task: str) -> None:
        record = self._tasks.get(task)
        run = record.run if record is not None and record.executing else None
        stats: Stats | None = None
        graph: Outline | None = None
        if run is not None:
            stats = await self._engine.stats(task, run)
            if stats is None:  # its worker is slow, or another is about to take it up
                return
            await self._scripts.ready_to_show(run.definition)
            graph = self._scripts.sketch(run.definition).outline
        found = {"task": task, "executing": run is not None, **self._nodes(task, stats, graph)}
        if task not in self._shown or self._shown[task][0] != found:
            event = frame("node-stats", found)
            self._shown[task] = found, event
            for viewer in self.viewers:
                if viewer.wanted.task == task:
                    viewer.show("node-stats", event)

    def _nodes(self, task: str, stats: Stats | None, graph: Outline | None) -> dict[str, Any]:
        if stats is None or graph is None:
            return {"nodes": {}, "edges": []}
        now = time.monotonic()
        counts = stats["node-stats"]
        nodes = {
            name: {**of, "points-per-second": self._rates.of((task, name), of["collected"], now)}
            for name, of in counts.items()
        }
        edges = []
        for node in graph.nodes:
            # what a node emits counts once for each child
            passed = counts.get(node.name, {}).get("emitted", 0) // max(len(node.children), 1)
            rate = self._rates.of((task, node.name, "emitted"), passed, now)
            for child in () if node.head else sorted(node.children):
                edge = {"from": node.name, "to": graph.nodes[child].name}
                edges.append({**edge, "processed": passed, "points-per-second": rate})
        return {"nodes": nodes, "edges": edges}
