"""What processes, workers and alertings answer about themselves (schemas.requests), as metrics."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Mapping
from typing import Any

from services.process.metrics.latencies import BOUNDS
from services.process.metrics.text import Metrics

Answer = Mapping[str, Any]

_MOST_QUEUES = 200  # those in which most waits
_LEVELS = ("INFO", "WARNING", "CRITICAL")


def add_process(metrics: Metrics, process: Answer) -> None:
    """Those of any process."""
    labels = {"service": process["service"], "process": process["id"]}
    metrics.gauge("tickbus_process_resident_bytes", "Memory of a process.", labels, process["resident_bytes"])
    metrics.counter("tickbus_process_cpu_seconds", "CPU time of a process.", labels, process["cpu_seconds"])
    metrics.gauge("tickbus_process_start_time_seconds", "When a process began.", labels, process["started"])
    for stream, count in process.get("dead_letters", {}).items():
        of = {**labels, "stream": stream}
        metrics.counter("tickbus_dead_letters", "Messages that a process has set aside.", of, count)


def add_worker(metrics: Metrics, worker: Answer) -> None:
    """Those of a worker, without those of its nodes."""
    labels = {"worker": worker["worker"]}
    metrics.gauge("tickbus_worker_lag_messages", "Writes that a worker has not taken.", labels, worker["lag"])
    metrics.counter("tickbus_worker_refused_messages", "Messages without line protocol.", labels, worker["refused"])
    back = worker.get("went_back", 0)
    metrics.counter("tickbus_worker_log_went_back", "How often a worker found WRITES gone back.", labels, back)
    history = worker.get("history")
    if history is not None:
        add_history(metrics, labels, history)
    metrics.gauge("tickbus_worker_tasks", "Tasks that a worker runs.", labels, len(worker["tasks"]))


def add_history(metrics: Metrics, labels: Mapping[str, str], history: Answer) -> None:
    """Those of the states of the past that a worker keeps."""
    metrics.gauge("tickbus_history_states", "States of the past kept of a worker's tasks.", labels, history["states"])
    metrics.gauge("tickbus_history_bytes", "Bytes that they take on NATS, about.", labels, history["bytes"])
    age = max(0.0, time.time() - history["oldest"] / 1e9) if history["oldest"] else 0.0
    metrics.gauge("tickbus_history_oldest_seconds", "How far back they reach.", labels, age)
    metrics.counter("tickbus_history_failed", "States that could not be kept.", labels, history["failed"])


def add_whole_worker(metrics: Metrics, worker: Answer) -> None:
    """Those of a worker and its nodes."""
    add_worker(metrics, worker)
    for of, stats in nodes_of(worker):
        add_node(metrics, of, stats)


def nodes_of(worker: Answer) -> Iterator[tuple[dict[str, str], Answer]]:
    """Labels and figures of each node that a worker runs; those of a part of a task say which part it is."""
    for unit, answer in worker["tasks"].items():
        task, _, part = unit.partition("/")  # of a part it is TASK/LAYOUT.PART.SHARD
        of = {"task": task} | ({"part": part.split(".")[1]} if part else {})
        for node, stats in answer["stats"]["node-stats"].items():
            yield {**of, "node": node}, stats


def add_node(metrics: Metrics, of: Mapping[str, str], stats: Answer) -> None:
    """A node's. of: its labels."""
    metrics.counter("tickbus_node_collected", "Points or batches that a node took.", of, stats["collected"])
    metrics.counter("tickbus_node_emitted", "Points or batches that a node gave.", of, stats["emitted"])
    metrics.counter("tickbus_node_errors", "Errors of a node.", of, stats["errors"])
    metrics.gauge("tickbus_node_groups", "Groups that a node holds.", of, stats["working_cardinality"])
    if "late_points" in stats:
        metrics.counter("tickbus_node_late_points", "Points that came late.", of, stats["late_points"])


def add_alerting(metrics: Metrics, alerting: Answer) -> None:
    """Those of an alerting by itself."""
    of = {"alerting": alerting["alerting"]}
    metrics.counter("tickbus_alerts", "Alert events folded; each alerting folds all.", of, alerting["events"])
    for why in ("silenced", "muted", "flapping"):
        kept = alerting.get(why, 0)
        metrics.counter("tickbus_alerts_held", "Alert events kept from handlers.", {**of, "why": why}, kept)
    metrics.counter("tickbus_alert_repeats", "Alert events that had come before.", of, alerting["repeats"])
    metrics.counter("tickbus_alerts_handled", "Alert events that a sink took.", of, alerting["handled"])
    metrics.counter("tickbus_alert_retries", "Attempts of handlers after the first.", of, alerting["retried"])
    metrics.counter("tickbus_alerts_given_up", "Alert events that no sink took.", of, alerting["given_up"])
    metrics.gauge("tickbus_alerts_waiting", "Alert events that wait for a handler.", of, alerting["waiting"])
    for queue in heapq.nlargest(_MOST_QUEUES, alerting["queues"], key=lambda queue: int(queue["events"])):
        by = {**of, **{key: str(queue[key]) for key in ("topic", "kind", "handler")}}
        metrics.gauge("tickbus_handler_waiting_messages", "Messages that wait.", by, queue["messages"])
        metrics.gauge("tickbus_handler_waiting_events", "Alert events that wait.", by, queue["events"])
        metrics.gauge("tickbus_handler_waiting_bytes", "Memory that they take.", by, queue["bytes"])
        age = max(0.0, time.time() - queue["oldest"] / 1e9) if queue["oldest"] else 0.0
        metrics.gauge("tickbus_handler_oldest_seconds", "For how long the oldest has waited.", by, age)
    metrics.gauge("tickbus_alerting_lag_messages", "Alert messages not folded.", of, alerting["lag"])
    metrics.gauge("tickbus_alerting_shards", "Shards of topics that an alerting handles.", of, alerting["shards"])
    for one in alerting.get("latencies", ()):
        by = {**of, "kind": one["kind"], "topic": one["topic"]}
        help = "How long an attempt of a handler took."
        metrics.histogram("tickbus_handler_seconds", help, by, BOUNDS, one["counts"], one["seconds"])


def add_active(metrics: Metrics, alerting: Answer) -> None:
    """How many alerts are not OK: the same in all alertings."""
    for topic in alerting.get("active", ()):
        for level, count in zip(_LEVELS, topic["counts"], strict=True):
            of = {"topic": topic["topic"], "level": level}
            metrics.gauge("tickbus_alerts_active", "Ids of a topic that are at a level.", of, count)


def add_whole_alerting(metrics: Metrics, alerting: Answer) -> None:
    """Those of an alerting and of the topics."""
    add_alerting(metrics, alerting)
    add_active(metrics, alerting)


def add_recorder(metrics: Metrics, recorder: Answer) -> None:
    """Those of a recorder. recorder: by kind how many it works on."""
    for kind, count in recorder.items():
        metrics.gauge(
            "tickbus_recorder_jobs", "Recordings and replays that a recorder works on.", {"kind": kind}, count
        )
