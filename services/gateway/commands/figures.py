"""Figures of the whole server: /debug/vars as Kapacitor 1.5.7 has it, and /metrics for Prometheus."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.literals import go_duration
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.streams import ALERTS, EVENTS, WRITES, StreamState
from services.gateway.alerting import Alerting
from services.gateway.answers import VERSION
from services.gateway.commands.refusal import Refusal
from services.gateway.engine import Engine
from services.gateway.inhibited import Inhibited
from services.gateway.processes import Processes
from services.gateway.prometheus import Metrics
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.pipeline.graph import Graph
from services.pipeline.spec import Edge
from services.store.projections.records import Record

Shown = dict[str, Any]

_PAUSES = 256


@dataclass(frozen=True, slots=True)
class _All:
    """What everybody says of himself."""

    processes: list[Shown]
    workers: list[Shown]
    alerting: Shown
    topics: list[Shown]
    streams: dict[str, StreamState]


class Figures:
    """Asked anew for each answer."""

    def __init__(
        self,
        bus: Bus,
        state: TaskState,
        scripts: Scripts,
        processes: Processes,
        engine: Engine,
        alerting: Alerting,
        inhibited: Inhibited,
        host: str,
        replicas: int,
        load_errors: Callable[[], int],
    ) -> None:
        """host: this one's name. replicas: on how many servers of a cluster buckets lie. load_errors: how many there
        were in loads of the directory.
        """
        self._bus, self._state, self._scripts = bus, state, scripts
        self._processes, self._engine, self._alerting = processes, engine, alerting
        self._inhibited = inhibited
        self._host, self._replicas, self._load_errors = host, replicas, load_errors
        self._started = time.time()
        self._cluster = ""

    async def vars(self) -> Shown:
        """GET /debug/vars. Times in values are Go's durations as text; memstats has Go's keys, with all processes'
        memory where it means something here and 0 where it does not."""
        asked = await self._ask()
        cluster = await self._cluster_id()
        server = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster}/gateway/{self._host}")) if cluster else ""
        common = {"host": self._host, "cluster_id": cluster, "server_id": server}
        return {
            "cluster_id": cluster,
            "cmdline": sys.argv,
            "host": self._host,
            "kapacitor": {
                str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {sorted(tags.items())}")): {
                    "name": name,
                    "tags": {**common, **tags},
                    "values": values,
                }
                for name, tags, values in self._statistics(asked)
            },
            "memstats": _memstats(asked.processes),
            "num_enabled_tasks": sum(record["status"] == "enabled" for record in self._records()),
            "num_subscriptions": 0,
            "num_tasks": len(self._state.ids()),
            "platform": "OSS",
            "product": "kapacitor",
            "server_id": server,
            "uptime": time.time() - self._started,
            "version": VERSION,
        }

    async def metrics(self) -> str:
        """GET /metrics, in the text format of Prometheus."""
        asked = await self._ask()
        metrics = Metrics()
        for process in asked.processes:
            labels = {"service": process["service"], "process": process["id"]}
            metrics.gauge("tickbus_process_resident_bytes", "Memory of a process.", labels, process["resident_bytes"])
            metrics.counter("tickbus_process_cpu_seconds", "CPU time of a process.", labels, process["cpu_seconds"])
            metrics.gauge("tickbus_process_start_time_seconds", "When a process began.", labels, process["started"])
        for worker in asked.workers:
            labels = {"worker": worker["worker"]}
            metrics.gauge("tickbus_worker_lag_messages", "Writes that a worker has not taken.", labels, worker["lag"])
            metrics.counter(
                "tickbus_worker_refused_messages", "Messages without line protocol.", labels, worker["refused"]
            )
            metrics.gauge("tickbus_worker_tasks", "Tasks that a worker runs.", labels, len(worker["tasks"]))
            for task, node, stats in _nodes(worker):
                of = {"task": task, "node": node}
                metrics.counter("tickbus_node_collected", "Points or batches that a node took.", of, stats["collected"])
                metrics.counter("tickbus_node_emitted", "Points or batches that a node gave.", of, stats["emitted"])
                metrics.counter("tickbus_node_errors", "Errors of a node.", of, stats["errors"])
                metrics.gauge("tickbus_node_groups", "Groups that a node holds.", of, stats["working_cardinality"])
                if "late_points" in stats:
                    metrics.counter("tickbus_node_late_points", "Points that came late.", of, stats["late_points"])
        records = self._records()
        for status in ("enabled", "disabled"):
            count = sum(record["status"] == status for record in records)
            metrics.gauge("tickbus_tasks", "Tasks by status.", {"status": status}, count)
        failed = sum(bool(record["error"]) for record in records)
        metrics.gauge("tickbus_tasks_failed", "Tasks that could not start or have ended by an error.", {}, failed)
        alerting = asked.alerting
        if alerting:
            metrics.counter("tickbus_alerts", "Alert events folded.", {}, alerting["events"])
            metrics.counter("tickbus_alert_repeats", "Alert events that had come before.", {}, alerting["repeats"])
            metrics.counter("tickbus_alerts_handled", "Alert events that a sink took.", {}, alerting["handled"])
            metrics.counter("tickbus_alert_retries", "Attempts of handlers after the first.", {}, alerting["retried"])
            metrics.counter("tickbus_alerts_given_up", "Alert events that no sink took.", {}, alerting["given_up"])
            metrics.gauge("tickbus_alerts_waiting", "Alert events that wait for a handler.", {}, alerting["waiting"])
            metrics.gauge("tickbus_alerting_lag_messages", "Alert messages not folded.", {}, alerting["lag"])
        metrics.counter("tickbus_load_errors", "Errors of loads of the load directory.", {}, self._load_errors())
        for name, stream in asked.streams.items():
            of = {"stream": name}
            metrics.gauge("tickbus_stream_messages", "Messages that a stream holds.", of, stream.messages)
            metrics.gauge("tickbus_stream_bytes", "Bytes that a stream holds.", of, stream.bytes)
            metrics.counter("tickbus_stream_last_sequence", "Messages that a stream has taken.", of, stream.last_seq)
        return metrics.text()

    async def _ask(self) -> _All:
        processes, workers, alerting, topics, *streams = await asyncio.gather(
            self._processes.ask("figures"),
            self._engine.workers(self._processes.count("engine")),
            self._alerting.stats(),
            self._alerting.topics(),
            *(self._bus.stream_state(name) for name in (WRITES, EVENTS, ALERTS)),
            return_exceptions=True,
        )
        for answer in (processes, workers, alerting, topics, *streams):
            if isinstance(answer, BaseException) and not isinstance(answer, Refusal | BusError):
                raise answer
        if isinstance(workers, list):
            tasks = {task: told["stats"] for worker in workers for task, told in worker["tasks"].items()}
            await self._inhibited.put_right(tasks)
        found = {n: s for n, s in zip((WRITES, EVENTS, ALERTS), streams, strict=True) if isinstance(s, StreamState)}
        return _All(
            processes if isinstance(processes, list) else [],
            workers if isinstance(workers, list) else [],
            alerting if isinstance(alerting, dict) else {},
            topics if isinstance(topics, list) else [],
            found,
        )

    async def _cluster_id(self) -> str:
        """The cluster's id, which the first engine worker gives it; empty before that."""
        if not self._cluster:
            try:
                entry = await (await self._bus.bucket("cluster", replicas=self._replicas)).get("id")
            except BusError:
                return ""
            self._cluster = entry.value.decode() if entry is not None else ""
        return self._cluster

    def _records(self) -> list[Record]:
        return [record for id in self._state.ids() if (record := self._state.get(id)) is not None]

    def _statistics(self, asked: _All) -> Iterator[tuple[str, dict[str, str], Shown]]:
        """Name, tags and values of each statistic, in Kapacitor's words."""
        for worker in asked.workers:
            for task, answer in worker["tasks"].items():
                nodes = answer["stats"]["node-stats"]
                graph = self._graph(task)
                if graph is not None:
                    yield from _of_task(task, graph, nodes)
        yield from _of_writes(asked.workers)
        for topic in asked.topics:
            yield "topics", {"id": topic["id"]}, {"collected": topic["collected"]}
        for name, stream in asked.streams.items():
            values = {"messages": stream.messages, "bytes": stream.bytes, "last_sequence": stream.last_seq}
            yield "streams", {"stream": name}, values
        for worker in asked.workers:
            values = {"lag": worker["lag"], "refused": worker["refused"], "tasks": len(worker["tasks"])}
            yield "workers", {"worker": worker["worker"]}, values
        yield "load", {}, {"errors": self._load_errors()}
        if asked.alerting:
            yield "alerting", {}, {key: value for key, value in asked.alerting.items() if key != "lanes"}

    def _graph(self, task: str) -> Graph | None:
        record = self._state.get(task)
        if record is None or record["run"] is None:
            return None
        try:
            definition = record["run"]["definition"]
            return self._scripts.compile(definition["script"], definition["vars"]).graph
        except TickscriptError:
            return None


def _of_writes(workers: list[Shown]) -> Iterator[tuple[str, dict[str, str], Shown]]:
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


def _of_task(
    task: str, graph: Graph, stats: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, str], Shown]]:
    for node in graph.nodes:
        counts = stats.get(node.name)
        if counts is None:
            continue
        kind = node.name.rstrip("0123456789")
        values = {key: value for key, value in counts.items() if key not in ("collected", "emitted")}
        # a number in a task's statistics, a text here
        values["avg_exec_time_ns"] = go_duration(values.get("avg_exec_time_ns", 0))
        yield "nodes", {"task": task, "node": node.name, "type": graph.edge.value, "kind": kind}, values
        if not node.parents and node.provides is Edge.STREAM:
            tags = {"task": task, "parent": "stream", "child": node.name, "type": "stream"}
            yield "edges", tags, {"collected": counts["collected"], "emitted": counts["collected"]}
        # What a node emits counts once for each child.
        passed = counts["emitted"] // max(len(node.children), 1)
        for child in node.children:
            tags = {"task": task, "parent": node.name, "child": child.name, "type": node.provides.value}
            yield "edges", tags, {"collected": passed, "emitted": passed}


def _nodes(worker: Shown) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for task, answer in worker["tasks"].items():
        for node, stats in answer["stats"]["node-stats"].items():
            yield task, node, stats


def _memstats(processes: list[Shown]) -> Shown:
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
