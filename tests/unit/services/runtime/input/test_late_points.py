"""Late points are counted for the nodes that order matters to, however the input is cut, and shown only then."""

from __future__ import annotations

import random

import pytest

from services.nodes import classes
from services.pipeline.docs import node_docs
from services.runtime.environment import TaskEnvironment
from tests.support.graph import NOW, ScriptRun

SECOND = 10**9
FROM = "stream|from().measurement('m').groupBy('h')"


def late(run: ScriptRun) -> dict[str, int]:
    return {name: stats["late_points"] for name, stats in run.counts().items() if "late_points" in stats}


def lines(*times: int, host: str = "a", name: str = "m") -> list[str]:
    return [f"{name},h={host} v={i} {t * SECOND}" for i, t in enumerate(times)]


@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_older_than_the_newest_of_the_group(cut: int) -> None:
    rng = random.Random(7)
    written = [(rng.choice("ab"), rng.randrange(20)) for _ in range(60)]
    newest: dict[str, int] = {}
    expected = 0
    for h, t in written:
        expected += t < newest.get(h, -1)
        newest[h] = max(t, newest.get(h, -1))
    run = ScriptRun(f"{FROM}|derivative('v')|window().period(2s).every(2s)")
    text = [f"m,h={h} v={i} {t * SECOND}" for i, (h, t) in enumerate(written)]
    for begin in range(0, len(text), cut):
        run.restart().write(*text[begin : begin + cut])
    assert late(run)["derivative2"] == expected


def test_nothing_is_shown_where_nothing_is_late() -> None:
    run = ScriptRun(f"{FROM}|window().period(2s).every(2s)|sum('v')")
    run.write(*lines(1, 2, 2, 5), *lines(1, 3, host="b"))
    assert late(run) == {}


def test_each_parent_has_times_of_its_own() -> None:
    run = ScriptRun(f"var n = stream|from().measurement('n').groupBy('h')\n{FROM}|join(n).as('m', 'n')")
    run.write(*lines(9, 10), *lines(1, 2, name="n"), *lines(9))
    assert late(run) == {"join4": 1}


def test_barriers_count_what_they_drop() -> None:
    run = ScriptRun(f"{FROM}|barrier().idle(2s)")
    run.write(*lines(10))
    run.tick(NOW + 3 * SECOND)
    run.write(*lines(11, 12, 9))
    assert late(run) == {"barrier2": 2}


def test_a_group_that_was_forgotten_is_not_late() -> None:
    run = ScriptRun(f"{FROM}|elapsed('v', 1s)", environment=TaskEnvironment(group_idle_age=8 * SECOND))
    run.write(*lines(10))
    run.tick(NOW + 20 * SECOND)
    run.clock = NOW + 20 * SECOND
    run.write(*lines(5))
    assert late(run) == {}


def test_what_late_points_do_is_documented() -> None:
    told = {name for name, cls in classes().items() if "late_points" in node_docs(cls.spec)}
    assert {"window", "join", "union", "combine", "flatten", "barrier", "derivative", "sum", "elapsed"} <= told
    assert {"stateDuration", "groupBy", "top"} <= told
