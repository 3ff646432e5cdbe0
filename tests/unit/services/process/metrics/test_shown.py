"""What services answer about themselves, as metrics."""

from __future__ import annotations

from services.process.metrics.latencies import Latencies
from services.process.metrics.shown import add_whole_alerting, add_whole_worker
from services.process.metrics.text import Metrics

COUNTS = dict.fromkeys(("events", "repeats", "handled", "retried", "given_up", "waiting", "lag", "shards"), 0)


def test_alerts_are_told_by_topic_and_level_and_attempts_by_kind_and_topic() -> None:
    latencies = Latencies()
    latencies.observe("post", "disk", 0.3)
    active = [{"topic": "disk", "counts": [0, 2, 1]}]
    told = {"alerting": "a", **COUNTS, "queues": [], "active": active, "latencies": latencies.rows()}
    metrics = Metrics()
    add_whole_alerting(metrics, told)
    lines = metrics.text().splitlines()
    assert 'tickbus_alerts_active{topic="disk",level="WARNING"} 2' in lines
    assert 'tickbus_alerts_active{topic="disk",level="CRITICAL"} 1' in lines
    of = 'alerting="a",kind="post",topic="disk"'
    assert f'tickbus_handler_seconds_bucket{{{of},le="0.25"}} 0' in lines
    assert f'tickbus_handler_seconds_bucket{{{of},le="0.5"}} 1' in lines
    assert f"tickbus_handler_seconds_count{{{of}}} 1" in lines


def test_of_very_many_queues_those_are_told_in_which_most_waits() -> None:
    queues = [
        {"topic": "t", "kind": "post", "handler": str(n), "messages": n, "events": n, "bytes": 0, "oldest": 0}
        for n in range(1000)
    ]
    metrics = Metrics()
    add_whole_alerting(metrics, {"alerting": "a", **COUNTS, "queues": queues})
    told = [line for line in metrics.text().splitlines() if line.startswith("tickbus_handler_waiting_events{")]
    assert len(told) == 200 and told[0].endswith(" 999") and told[-1].endswith(" 800")


def test_a_worker_is_told_with_its_nodes() -> None:
    node = {"collected": 5, "emitted": 4, "errors": 0, "working_cardinality": 2, "late_points": 1}
    task = {"stats": {"node-stats": {"from1": node}}}
    metrics = Metrics()
    add_whole_worker(metrics, {"worker": "w", "lag": 3, "refused": 0, "went_back": 0, "tasks": {"t": task}})
    lines = metrics.text().splitlines()
    assert 'tickbus_worker_lag_messages{worker="w"} 3' in lines
    assert 'tickbus_node_late_points_total{task="t",node="from1"} 1' in lines
