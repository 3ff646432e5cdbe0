"""What the parts of a task answer, put together as the whole would answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.gateway.clients.node_stats import Stats
from services.store.folds.layouts import Unit
from services.store.folds.tasks import RunRecord

Answer = Mapping[str, Any]


def running_units(task: str, run: RunRecord) -> dict[Unit, str]:
    """The units that a run goes in by now, and on which worker each is; "" where that is not known."""
    layout = run.layout
    if layout is not None and not layout.handed_over:
        if layout.before is None:
            return {Unit(task): run.worker}
        layout = layout.before
    if layout is None:
        return {Unit(task): run.worker}
    return {unit: layout.workers.get(unit.number, "") for unit in layout.units(task)}


def merged_stats(stats: Sequence[Stats]) -> Stats:
    """The statistics of all parts of a task as those of the whole: sums, and times by point over all of them."""
    if len(stats) == 1:
        return stats[0]
    nodes: dict[str, dict[str, int]] = {}
    for name in stats[0]["node-stats"]:
        of_parts = [one["node-stats"][name] for one in stats]
        found: dict[str, int] = {}
        for counts in of_parts:
            for key, value in counts.items():
                found[key] = found.get(key, 0) + value
        took = sum(counts["avg_exec_time_ns"] * counts["collected"] for counts in of_parts)
        found["avg_exec_time_ns"] = took // found["collected"] if found["collected"] else 0
        nodes[name] = found
    throughput = sum(one["task-stats"]["throughput"] for one in stats)
    merged: Stats = {"task-stats": {"throughput": throughput}, "node-stats": nodes}
    trouble = next((one["error"] for one in stats if one.get("error")), "")
    return merged | {"error": trouble} if trouble else merged


def merged_endpoint(answers: Sequence[Answer]) -> Answer:
    """What all parts of a task show at an endpoint: the rows of all, in the order in which their groups first came."""
    bad = next((answer for answer in answers if answer["status"] != 200), None)
    if bad is not None or len(answers) == 1:
        return bad or answers[0]
    rows = sorted((row for answer in answers for row in answer["rows"]), key=lambda row: row[1:])
    series = f"[{','.join(row[0] for row in rows)}]" if rows else "null"
    return {"status": 200, "body": f'{{"series":{series}}}'}
