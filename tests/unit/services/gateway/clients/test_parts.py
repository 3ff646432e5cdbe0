"""What the parts of a task answer is put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from services.bus.positions import EventsSeq, WritesSeq
from services.gateway.clients.parts import merged_endpoint, merged_stats, running_units
from services.store.folds.definition import TaskDefinition
from services.store.folds.layouts import Layout, Unit
from services.store.folds.tasks import RunRecord

RUN = RunRecord(EventsSeq(1), 0, WritesSeq(0), TaskDefinition("stream", "", (), {}), state="started", worker="one")
LAYOUT = Layout(EventsSeq(7), 0, (4, 9), ("host",), False)


def stats(collected: int, ns: int, **more: int) -> dict[str, Any]:
    node = {"collected": collected, "emitted": 1, "errors": 0, "working_cardinality": 3, "avg_exec_time_ns": ns}
    return {"task-stats": {"throughput": 2.0}, "node-stats": {"from1": node | more}}


def test_counts_are_sums_and_times_are_by_point() -> None:
    merged = merged_stats([stats(30, 100, late_points=1), stats(10, 500)])
    assert merged["task-stats"] == {"throughput": 4.0}
    assert merged["node-stats"]["from1"] == {
        "collected": 40,
        "emitted": 2,
        "errors": 0,
        "working_cardinality": 6,
        "avg_exec_time_ns": 200,
        "late_points": 1,
    }
    assert merged_stats([stats(30, 100), stats(0, 0) | {"error": "in trouble"}])["error"] == "in trouble"
    alone = stats(3, 1)
    assert merged_stats([alone]) is alone


def test_rows_stand_in_the_order_in_which_their_groups_came() -> None:
    a, b, c = (orjson.dumps({"name": name, "values": [[1.0]]}).decode() for name in "abc")
    answers = [{"status": 200, "body": "", "rows": [[a, 10, 0], [c, 20, 0]]}, {"status": 200, "rows": [[b, 10, 3]]}]
    body = merged_endpoint(answers)["body"]
    assert [row["name"] for row in orjson.loads(body)["series"]] == ["a", "b", "c"]
    assert "1.0" in body, "numbers keep their form"
    assert merged_endpoint([{"status": 200, "rows": []}] * 2)["body"] == '{"series":null}'
    missing = {"status": 404, "body": {"error": "Not Found"}}
    assert merged_endpoint([{"status": 200, "rows": []}, missing]) is missing


def test_those_are_asked_that_run_by_now() -> None:
    assert running_units("t", RUN) == {Unit("t"): "one"}
    handing = replace(RUN, layout=LAYOUT)
    assert running_units("t", handing) == {Unit("t"): "one"}
    first, second = LAYOUT.units("t")
    taken = replace(LAYOUT, handed=frozenset((0,)), paused={0: WritesSeq(3)}, workers={1: "two"})
    assert running_units("t", replace(RUN, layout=taken)) == {first: "", second: "two"}
    again = Layout(EventsSeq(9), 0, (1,), ("host",), False, before=taken)
    assert running_units("t", replace(RUN, layout=again)) == {first: "", second: "two"}
