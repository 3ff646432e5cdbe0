"""What two looks at a server come to."""

from __future__ import annotations

from typing import Any

from services.cli.server.task_rates import Sample, rates


def task(id: str, collected: int, errors: int = 0, ns: int = 0, **more: Any) -> dict[str, Any]:
    nodes = {
        "stream0": {"collected": collected, "errors": 0, "avg_exec_time_ns": 0, "working_cardinality": 0},
        "eval1": {"collected": collected, "errors": errors, "avg_exec_time_ns": ns, "working_cardinality": 3},
    }
    plain = {"id": id, "status": "enabled", "executing": True, "error": "", "worker": "w"}
    return plain | {"stats": {"node-stats": nodes}} | more


def sample(at: float, *tasks: dict[str, Any]) -> Sample:
    return Sample(at, {one["id"]: one for one in tasks}, {"w": 7})


def test_rates_are_of_the_time_between() -> None:
    before = sample(10.0, task("a", 100, 1, 1000), task("again", 500), task("b", 0))
    off = {"status": "disabled", "executing": False, "worker": "", "stats": None}
    failed = {"executing": False, "error": "it broke", "worker": "", "stats": None}
    now = sample(
        12.0,
        task("a", 1_000_100, 5, 1000),
        task("again", 20),
        task("b", 6),
        task("new", 50),
        task("off", 0, **off),
        task("failed", 0, **failed),
    )
    found = rates(before, now, "points")
    assert [(one.id, one.points) for one in found] == [
        ("a", 500_000.0),
        ("again", 10.0),
        ("b", 3.0),
        ("failed", 0.0),
        ("new", 0.0),
        ("off", 0.0),
    ]
    first = found[0]
    assert (first.time, first.errors, first.groups, first.lag, first.worker) == (0.5, 2.0, 3, 7, "w")
    assert first.cells() == ("a", "500000", "50.0%", "2.0", "3", "7", " w", "enabled")
    assert {one.id: (one.status, one.lag) for one in found[3:]} == {
        "failed": ("failed", None),
        "new": ("enabled", 7),
        "off": ("disabled", None),
    }
    assert rates(before, now, "errors")[0].id == rates(before, now, "time")[0].id == "a"
    assert [one.lag for one in rates(before, now, "lag")][-2:] == [None, None]
