"""GET /metrics: metrics of the whole server in the text format of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from services.bus.streams import StreamState
from services.gateway.operations.time_slice import TimeSlice
from services.gateway.queries.metrics.collector import Collector, MetricsSnapshot
from services.gateway.queries.metrics.debug_vars import Statistic
from services.gateway.readmodels.tasks import TaskReadModel
from services.gateway.subscriptions.records import Record
from services.process.metrics.shown import add_active, add_alerting, add_node, add_process, add_worker, nodes_of
from services.process.metrics.text import Metrics
from services.store.folds.task_records import TaskRecord

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class PrometheusMetrics:
    """Collected anew for each answer."""

    def __init__(
        self,
        collector: Collector,
        state: TaskReadModel,
        load_errors: Callable[[], int],
        inputs: Callable[[], Sequence[Statistic]],
    ) -> None:
        """load_errors: how many there were in loads of the directory. inputs: what those of this gateway have
        counted."""
        self._collector, self._state = collector, state
        self._load_errors, self._inputs = load_errors, inputs

    async def text(self) -> str:
        """All metrics."""
        snapshot = await self._collector.collect()
        metrics = Metrics()
        _add_processes(metrics, snapshot)
        await _add_workers(metrics, snapshot)
        _add_tasks(metrics, self._state.all())
        for alerting in snapshot.alertings:
            add_alerting(metrics, alerting)
        for alerting in snapshot.alertings[:1]:  # all have the same topics
            add_active(metrics, alerting)
        metrics.counter("tickbus_load_errors", "Errors of loads of the load directory.", {}, self._load_errors())
        _add_streams(metrics, snapshot.streams)
        _add_subscriptions(metrics, snapshot.subscriptions)
        for statistic in self._inputs():
            _add_input(metrics, *statistic)
        return metrics.text()


def _add_processes(metrics: Metrics, snapshot: MetricsSnapshot) -> None:
    for process in snapshot.processes:
        add_process(metrics, process)
        labels = {"service": process["service"], "process": process["id"]}
        age = snapshot.ages[process["id"]]
        metrics.gauge("tickbus_process_age_seconds", "How old a process's figures are.", labels, age)


async def _add_workers(metrics: Metrics, snapshot: MetricsSnapshot) -> None:
    for name, alive in snapshot.alive.items():
        metrics.gauge("tickbus_worker_up", "Whether a worker lives, by its heartbeat.", {"worker": name}, int(alive))
    time_slice = TimeSlice()
    for worker in snapshot.workers:
        labels = {"worker": worker["worker"]}
        age = snapshot.ages[worker["worker"]]
        metrics.gauge("tickbus_worker_age_seconds", "How old a worker's figures are.", labels, age)
        add_worker(metrics, worker)
        for of, stats in nodes_of(worker):
            await time_slice.yield_if_over()
            add_node(metrics, of, stats)


def _add_tasks(metrics: Metrics, records: Sequence[TaskRecord]) -> None:
    for status in ("enabled", "disabled"):
        count = sum(record.status == status for record in records)
        metrics.gauge("tickbus_tasks", "Tasks by status.", {"status": status}, count)
    failed = sum(bool(record.error) for record in records)
    for record in records:
        layout = record.run.layout if record.run is not None and record.executing else None
        for number in range(len(layout.shards) if layout is not None and len(layout.shards) > 1 else 0):
            worker = "" if layout is None else layout.workers.get(number, "")
            of = {"task": record.id, "part": str(number), "worker": worker}
            metrics.gauge("tickbus_task_parts", "Parts of tasks that are split, and who runs each.", of, 1)
    metrics.gauge("tickbus_tasks_failed", "Tasks that could not start or have ended by an error.", {}, failed)


def _add_streams(metrics: Metrics, streams: Mapping[str, StreamState]) -> None:
    for name, stream in streams.items():
        of = {"stream": name}
        metrics.gauge("tickbus_stream_messages", "Messages that a stream holds.", of, stream.messages)
        metrics.gauge("tickbus_stream_bytes", "Bytes that a stream holds.", of, stream.bytes)
        metrics.counter("tickbus_stream_last_sequence", "Messages that a stream has taken.", of, stream.last_seq)


def _add_subscriptions(metrics: Metrics, subscriptions: Mapping[str, Record]) -> None:
    for cluster, record in subscriptions.items():
        of = {"cluster": cluster}
        metrics.gauge("tickbus_influxdb_subscriptions", "Subscriptions that are kept in an InfluxDB.", of, record.count)
        about = "Whether they were all as they should be when last looked at."
        metrics.gauge("tickbus_influxdb_subscriptions_up", about, of, int(not record.error))


def _add_input(metrics: Metrics, name: str, tags: Mapping[str, str], values: Mapping[str, int]) -> None:
    """Each value under Kapacitor's name for it: pointsRx of graphite is tickbus_input_points_rx_total."""
    for value, count in values.items():
        words = _WORD.sub("_", value).lower()
        add = metrics.gauge if words.endswith("active") else metrics.counter
        add(f"tickbus_input_{words}", "Of an input beside HTTP, as its statistics.", {"input": name, **tags}, count)
