"""How much a task may keep: over it the task fails with the reason, whatever the script asks for."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import pytest

from services.runtime.effects import Failure
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.footprint import footprint
from services.runtime.limits import TaskLimits
from tests.support.graph import NOW, ScriptRun

_FROM = "stream|from().measurement('m')"


def _run(script: str, limits: TaskLimits) -> ScriptRun:
    return ScriptRun(script, environment=TaskEnvironment(limits=limits))


def _hosts(n: int, at: int = 0) -> str:
    return "\n".join(f"m,host=h{i} v={i}i {NOW + at}" for i in range(n))


def test_a_node_that_keeps_too_many_groups_ends_the_task() -> None:
    run = _run(f"{_FROM}.groupBy('host')|window().period(10s).every(10s)|httpOut('x')", TaskLimits(groups=100))
    run.write(_hosts(100))
    assert run.effects == []
    run.write("m,host=one_more v=1i")
    assert run.effects == [Failure("window2: it keeps 101 groups, more than the 100 of max-groups in [engine]")]


def test_a_task_that_was_in_parts_may_have_what_each_of_them_might() -> None:
    limits = TaskLimits(groups=100)
    run = _run(f"{_FROM}.groupBy('host')|window().period(10s).every(10s)|httpOut('x')", limits.times(3))
    run.write(_hosts(300))
    assert run.effects == []
    run.write("m,host=one_more v=1i")
    assert run.effects and limits.times(1) is limits


def test_what_was_emitted_before_flows_out() -> None:
    run = _run(f"{_FROM}.groupBy('host')|stateCount(lambda: \"v\" > 0)|httpOut('x')", TaskLimits(groups=1))
    run.write("m,host=a v=1i\nm,host=b v=1i")
    assert [point.group for point in run.out["http_out3"] if hasattr(point, "group")] == ["host=a", "host=b"]
    assert isinstance(run.effects[-1], Failure)


def test_series_that_are_made_out_of_few_points_are_bounded() -> None:
    """70 points have 916,895 combinations of four, each a series of its own."""
    script = f"{_FROM}|combine({', '.join(['lambda: TRUE'] * 4)}).as('a', 'b', 'c', 'd')"
    run = _run(script, TaskLimits(groups=4000))
    run.write(_hosts(70))
    before = len(run.table)
    with pytest.raises(TaskFailed, match="combine2: it makes more than 1000 series and groups at once"):
        run.write(f"m v=1i {NOW + 10**9}")
    assert len(run.table) <= before + 1001
    assert run.table.room == np.inf


def test_the_groups_that_others_series_fall_into_do_not_count_against_a_node() -> None:
    run = _run(f"{_FROM}.groupBy('host')|stateCount(lambda: \"v\" > 0)", TaskLimits(groups=40))
    other = "\n".join(f"other,host=h{i} v=1i" for i in range(1000))
    run.write(other)
    run.write("m,host=h1 v=1i")
    assert run.effects == []


@pytest.mark.parametrize(
    ("script", "node"),
    [
        (f"{_FROM}|window().period(1000h).every(1000h)", "window2"),
        (f"{_FROM}|window().periodCount(1000000).everyCount(1000000)", "window2"),
        (f"{_FROM}|combine(lambda: TRUE, lambda: TRUE).as('a', 'b').tolerance(1000h)", "combine2"),
        (f"{_FROM}|flatten().on('host').tolerance(1000h)", "flatten2"),
        (f"{_FROM}|movingAverage('v', 100000000)", "movingAverage2"),
    ],
)
def test_a_task_that_keeps_too_much_ends(script: str, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.limits._LOOK_EVERY", -1.0)
    monkeypatch.setattr("services.runtime.limits._SHARE", 0)
    run = _run(script, TaskLimits(memory=2 << 20))
    for k in range(200):
        run.write("\n".join(f"m,host=h{i % 5} v={i}i {NOW + k * 10**6 + i}" for i in range(2000)))
        if run.effects:
            break
    (failure,) = run.effects
    assert isinstance(failure, Failure)
    assert failure.reason.endswith(f"{node} keeps 2 of them")
    assert failure.reason.startswith("it keeps about 2 MiB, more than the 2 of task-memory in [engine]; ")


def test_where_all_tasks_keep_too_many_groups_the_one_that_keeps_most_ends() -> None:
    limits = TaskLimits(groups_in_all=100)
    small = _run(f"{_FROM}.groupBy('host')|stateCount(lambda: TRUE)", limits).write(_hosts(40))
    large = _run(f"{_FROM}.groupBy('host')|stateCount(lambda: TRUE)", limits).write(_hosts(60))
    assert limits.largest([small.run, large.run]) is None
    large.write("m,host=one_more v=1i")
    found = limits.largest([small.run, large.run])
    assert found is not None
    run, reason = found
    assert run is large.run
    assert reason == (
        "it keeps 61 groups, the most of all tasks of this worker, which keep 101 together, more than the 100 of "
        "max-groups-in-all in [engine]"
    )


@pytest.mark.parametrize(
    "script",
    [
        f"{_FROM}.groupBy('host')|window().period(1h).every(1h)",
        f"{_FROM}.groupBy('host')|movingAverage('v', 1000)",
        f"{_FROM}.groupBy('host')|eval(lambda: sigma(\"v\")).as('s')",
    ],
)
def test_the_estimate_of_a_nodes_memory_is_of_the_right_size(script: str) -> None:
    """At least what the numbers themselves take, and not hundreds of it."""
    run = ScriptRun(script)
    for k in range(50):
        run.write("\n".join(f"m,host=h{i} v={i}.5 {NOW + k * 10**9 + i}" for i in range(1000)))
    gc.collect()
    node = list(run.nodes.values())[-1]
    numbers = 1000 * 8 if "sigma" in script else 50_000 * 16
    assert numbers <= footprint(node) <= 80 * numbers


def test_the_memory_behind_a_view_counts_once() -> None:
    class Holder:
        __module__ = "services.runtime.test"

        def __init__(self) -> None:
            whole = np.zeros(1_000_000)
            self.views = [whole[i : i + 10] for i in range(100)]

    assert 8_000_000 <= footprint(Holder()) <= 8_100_000


def test_mappings_of_any_kind_are_looked_at() -> None:
    class Odd(Mapping[int, str]):
        def __getitem__(self, key: int) -> str:
            return "x" * 100

        def __iter__(self) -> Iterator[int]:
            return iter(range(1000))

        def __len__(self) -> int:
            return 1000

    assert footprint(Odd()) > 100_000
    assert footprint(MappingProxyType(dict.fromkeys(range(1000), "x" * 100))) > 100_000
