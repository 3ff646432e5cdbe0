"""GET /debug/vars: metrics of the whole server as Kapacitor 1.5.7 has them."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from grammar.golang.durations import format_go_duration
from services.bus.identity import gateway_id
from services.gateway.clients.answers import ServiceAnswer
from services.gateway.clients.parts import merged_stats
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import VERSION
from services.gateway.operations.time_slice import TimeSlice
from services.gateway.queries.metrics.collector import Collector, MetricsSnapshot
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.pipeline.outline import Outline
from services.pipeline.spec import Edge
from services.store.folds.layouts import Unit

_PAUSES = 256

Statistic = tuple[str, dict[str, str], dict[str, Any]]
"""Name, tags and values."""


class DebugVars:
    """Collected anew for each answer."""

    def __init__(
        self,
        collector: Collector,
        state: TaskReadModel,
        scripts: Scripts,
        host: str,
        load_errors: Callable[[], int],
        inputs: Callable[[], Sequence[Statistic]],
    ) -> None:
        """host: this one's name. load_errors: how many there were in loads of the directory. inputs: what those of this
        gateway have counted."""
        self._collector, self._state, self._scripts = collector, state, scripts
        self._host, self._load_errors, self._inputs = host, load_errors, inputs
        self._started = time.monotonic()

    async def get(self) -> dict[str, Any]:
        """Times in values are Go's durations as text; memstats has Go's keys, with all processes'
        memory where it means something here and 0 where it does not."""
        snapshot = await self._collector.collect()
        cluster = await self._collector.cluster_id()
        time_slice = TimeSlice()
        server = gateway_id(cluster, self._host) if cluster else ""
        common = {"host": self._host, "cluster_id": cluster, "server_id": server}
        statistics = {}
        async for name, tags, values in self._statistics(snapshot):
            await time_slice.yield_if_over()
            key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {sorted(tags.items())}"))
            statistics[key] = {"name": name, "tags": {**common, **tags}, "values": values}
        return {
            "cluster_id": cluster,
            "cmdline": sys.argv,
            "host": self._host,
            "kapacitor": statistics,
            "memstats": _memstats(snapshot.processes),
            "num_enabled_tasks": sum(record.status == "enabled" for record in self._state.all()),
            "num_subscriptions": sum(record.count for record in snapshot.subscriptions.values()),
            "num_tasks": len(self._state.ids()),
            "platform": "OSS",
            "product": "kapacitor",
            "server_id": server,
            "uptime": time.monotonic() - self._started,
            "version": VERSION,
        }

    async def _statistics(self, snapshot: MetricsSnapshot) -> AsyncIterator[Statistic]:
        """Name, tags and values of each statistic, in Kapacitor's words."""
        by_task: dict[str, list[Any]] = {}
        for worker in snapshot.workers:
            for unit, answer in worker["tasks"].items():
                by_task.setdefault(Unit.of_id(unit).task, []).append(answer["stats"])
        for task, stats in by_task.items():
            nodes = merged_stats(stats)["node-stats"]
            graph = await self._graph(task)
            for statistic in _of_task(task, graph, nodes) if graph is not None else ():
                yield statistic
        for statistic in _of_writes(snapshot.workers):
            yield statistic
        for topic in snapshot.topics:
            yield "topics", {"id": topic["id"]}, {"collected": topic["collected"]}
        for name, stream in snapshot.streams.items():
            values = {"messages": stream.messages, "bytes": stream.bytes, "last_sequence": stream.last_seq}
            yield "streams", {"stream": name}, values
        for worker in snapshot.workers:
            values = {"lag": worker["lag"], "refused": worker["refused"], "tasks": len(worker["tasks"])}
            yield "workers", {"worker": worker["worker"]}, values
        yield "load", {}, {"errors": self._load_errors()}
        for statistic in self._inputs():
            yield statistic
        for alerting in snapshot.alertings:
            values = {
                key: value
                for key, value in alerting.items()
                if key not in ("alerting", "queues", "active", "latencies")
            }
            yield "alerting", {"alerting": alerting["alerting"]}, values

    async def _graph(self, task: str) -> Outline | None:
        record = self._state.get(task)
        if record is None or record.run is None:
            return None
        try:
            await self._scripts.ready_to_show(record.run.definition)
        except OperationError:
            return None
        return self._scripts.sketch(record.run.definition).outline


def _of_writes(workers: list[ServiceAnswer]) -> Iterator[Statistic]:
    """Points by what they are of, as far as some task reads it. A worker counts all of what its tasks read, so that
    the one that has read most knows best."""
    received: dict[tuple[str, str, str], int] = {}
    for worker in workers:
        for *of, points in worker.get("ingress", ()):
            database, rp, measurement = of
            key = database, rp, measurement
            received[key] = max(points, received.get(key, 0))
    for (database, rp, measurement), points in received.items():
        tags = {"task_master": "main", "database": database, "retention_policy": rp, "measurement": measurement}
        yield "ingress", tags, {"points_received": points}
    total = sum(received.values())
    tags = {"task": "task_master:main", "parent": "write_points", "child": "stream", "type": "stream"}
    yield "edges", tags, {"collected": total, "emitted": total}


def _of_task(task: str, graph: Outline, stats: Mapping[str, Mapping[str, Any]]) -> Iterator[Statistic]:
    for node in graph.nodes:
        counts = stats.get(node.name)
        if counts is None:
            continue
        kind = node.name.rstrip("0123456789")
        values = {key: value for key, value in counts.items() if key not in ("collected", "emitted")}
        # a number in a task's statistics, a text here
        values["avg_exec_time_ns"] = format_go_duration(values.get("avg_exec_time_ns", 0))
        yield "nodes", {"task": task, "node": node.name, "type": graph.edge.value, "kind": kind}, values
        if node.source and node.provides is Edge.STREAM:
            tags = {"task": task, "parent": "stream", "child": node.name, "type": "stream"}
            yield "edges", tags, {"collected": counts["collected"], "emitted": counts["collected"]}
        # What a node emits counts once for each child.
        passed = counts["emitted"] // max(len(node.children), 1)
        for child in node.children:
            tags = {"task": task, "parent": node.name, "child": graph.nodes[child].name, "type": node.provides.value}
            yield "edges", tags, {"collected": passed, "emitted": passed}


def _memstats(processes: list[ServiceAnswer]) -> dict[str, Any]:
    def total(key: str) -> int:
        return sum(process[key] for process in processes)

    resident, most = total("resident_bytes"), total("most_resident_bytes")
    zero = (
        "Lookups StackInuse StackSys MSpanInuse MSpanSys MCacheInuse MCacheSys BuckHashSys GCSys OtherSys NextGC "
        "LastGC PauseTotalNs NumForcedGC HeapReleased Frees"
    )
    return {
        **dict.fromkeys(zero.split(), 0),
        "Alloc": resident,
        "TotalAlloc": most,
        "Sys": most,
        "Mallocs": total("objects"),
        "HeapAlloc": resident,
        "HeapSys": most,
        "HeapIdle": max(most - resident, 0),
        "HeapInuse": resident,
        "HeapObjects": total("objects"),
        "PauseNs": [0] * _PAUSES,
        "PauseEnd": [0] * _PAUSES,
        "NumGC": total("collections"),
        "GCCPUFraction": 0.0,
        "EnableGC": True,
        "DebugGC": False,
        "BySize": [],
    }
