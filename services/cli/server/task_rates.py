"""What the tasks of a server do and take, of two looks at their statistics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from services.cli.server.lists import matching
from tickbus.client import Client

_FIELDS = ("id", "status", "executing", "error", "stats", "worker")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. at: seconds of a clock that does not go back. tasks: as the API shows them, by id. lags: by worker."""

    at: float
    tasks: Mapping[str, Mapping[str, Any]]
    lags: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rate:
    """A task. points, errors: a second. time: seconds that its nodes took in a second. lag: messages, None where
    nobody tells. status: enabled, disabled, or failed: it is to run, and cannot."""

    id: str
    points: float
    time: float
    errors: float
    groups: int
    lag: int | None
    worker: str
    status: str

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """As a row of a table (services.cli.output.task_rates.COLUMNS)."""
        return (
            self.id,
            _number(self.points),
            f"{self.time:.1%}",
            _number(self.errors),
            str(self.groups),
            "-" if self.lag is None else str(self.lag),
            f" {self.worker or '-'}",
            self.status,
        )


SORTS: Mapping[str, Callable[[Rate], float]] = MappingProxyType(
    {
        "points": lambda one: one.points,
        "time": lambda one: one.time,
        "errors": lambda one: one.errors,
        "lag": lambda one: -1 if one.lag is None else one.lag,
        "groups": lambda one: one.groups,
    }
)
"""What they may be sorted by, the largest first."""


def sample(client: Client) -> Sample:
    """Look at all tasks of a server. Raises TickbusError."""
    at = time.monotonic()
    tasks = {task["id"]: task for task in matching(client, "tasks", [""], _FIELDS)}
    figures = client.request("GET", "/debug/vars")["kapacitor"].values()
    lags = {one["tags"]["worker"]: int(one["values"]["lag"]) for one in figures if one["name"] == "workers"}
    return Sample(at, tasks, lags)


def rates(before: Sample, now: Sample, by: str) -> list[Rate]:
    """Of all tasks of the later look, the largest of SORTS[by] first, then by id."""
    seconds = max(now.at - before.at, 1e-3)
    found = [_rate(task, before.tasks.get(id), seconds, now.lags) for id, task in now.tasks.items()]
    return sorted(found, key=lambda one: (-SORTS[by](one), one.id))


def _rate(task: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float, lags: Mapping[str, int]) -> Rate:
    now, then = _counts(task), _counts(before or task)
    if any(later < earlier for later, earlier in zip(now[:1], then[:1], strict=True)):
        then = (0, 0, 0)  # it was started anew in between
    points, took, errors = ((later - earlier) / seconds for later, earlier in zip(now, then, strict=True))
    nodes = _nodes(task)
    failed = task["status"] == "enabled" and not task["executing"] and bool(task["error"])
    return Rate(
        task["id"],
        points,
        max(took, 0.0) / 1e9,
        max(errors, 0.0),
        max((node["working_cardinality"] for node in nodes.values()), default=0),
        lags.get(task["worker"]),
        task["worker"],
        "failed" if failed else task["status"],
    )


def _counts(task: Mapping[str, Any]) -> tuple[int, int, int]:
    """Since its start: points that came into it, ns that its nodes took, errors."""
    nodes = _nodes(task)
    points = max((node["collected"] for name, node in nodes.items() if name in ("stream0", "batch0")), default=0)
    took = sum(node["avg_exec_time_ns"] * node["collected"] for node in nodes.values())
    return points, took, sum(node["errors"] for node in nodes.values())


def _nodes(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return (task["stats"] or {}).get("node-stats") or {}


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}"
