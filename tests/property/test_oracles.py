"""Nodes against oracles: what a node gives is what its rules, one point after another, foretell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.graph import Batch, Point, ScriptRun
from tests.support.lines import cut_points
from tests.support.oracles.collecting import Combine, Flatten
from tests.support.oracles.influxql import (
    ANY,
    Aggregate,
    Best,
    Call,
    CumulativeSum,
    Difference,
    Distinct,
    Elapsed,
    Mode,
    MovingAverage,
    Selector,
    first,
    largest,
    last,
    mean,
    median,
    percentile,
    smallest,
    spread,
    stddev,
    total,
)
from tests.support.oracles.oracle import Oracle, foretold, shown
from tests.support.oracles.passing import (
    ChangeDetect,
    Condition,
    Derivative,
    SampleCount,
    SampleTime,
    StateCount,
    StateDuration,
)
from tests.support.oracles.window import CountWindow, TimeWindow

SECOND = 10**9
FROM = "stream|from().measurement('m').groupBy('h')"
BATCHES = ["|window().period(4s).every(2s)", "|window().periodCount(5).everyCount(3)"]

Cut = tuple[list[str], list[int], set[int]]
"""Lines, where they are cut into frames, and before which of these there is a restart."""


def above(limit: float) -> Condition:
    """The lambda `"v" > limit`: it fails where v is no number."""

    def holds(point: Point) -> bool | None:
        value = point.fields.get("v")
        return value > limit if type(value) is int or type(value) is float else None

    return holds


def is_x(point: Point) -> bool | None:
    """The lambda `"k" == 'x'`: it fails where there is no k."""
    return point.tags["k"] == "x" if "k" in point.tags else None


def always(_: Point) -> bool:
    return True


@dataclass(frozen=True)
class Case:
    """A node as scripts have it, its oracle, and how many digits of its floats are told apart."""

    script: str
    oracle: Callable[[], Oracle]
    digits: int = 17


WINDOWS = [
    Case("window().period(3s).every(2s)", lambda: TimeWindow(3 * SECOND, 2 * SECOND)),
    Case("window().period(2s).every(3s).align()", lambda: TimeWindow(2 * SECOND, 3 * SECOND, align=True)),
    Case(
        "window().period(4s).every(2s).align().fillPeriod()",
        lambda: TimeWindow(4 * SECOND, 2 * SECOND, align=True, fill=True),
    ),
    Case("window().period(5s).every(1s).fillPeriod()", lambda: TimeWindow(5 * SECOND, SECOND, fill=True)),
    Case("window().period(3s).every(0s)", lambda: TimeWindow(3 * SECOND, 0)),
    Case("window().periodCount(3).everyCount(2)", lambda: CountWindow(3, 2)),
    Case("window().periodCount(2).everyCount(3).fillPeriod()", lambda: CountWindow(2, 3, fill=True)),
    Case("window().periodCount(4).everyCount(1).fillPeriod()", lambda: CountWindow(4, 1, fill=True)),
]

PASSING = [
    Case("changeDetect('v')", lambda: ChangeDetect("v")),
    Case("changeDetect('w', 'v')", lambda: ChangeDetect("w", "v")),
    Case("changeDetect('i')", lambda: ChangeDetect("i")),
    Case("sample(1)", lambda: SampleCount(1)),
    Case("sample(3)", lambda: SampleCount(3)),
    Case("sample(2s)", lambda: SampleTime(2 * SECOND)),
    Case("sample(7s)", lambda: SampleTime(7 * SECOND)),
    Case(
        """stateDuration(lambda: "v" > 0.5).as('d').unit(1ms)""", lambda: StateDuration(above(0.5), SECOND // 1000, "d")
    ),
    Case("""stateDuration(lambda: "k" == 'x')""", lambda: StateDuration(is_x, SECOND, "state_duration")),
    Case("""stateCount(lambda: "v" > 0.5)""", lambda: StateCount(above(0.5), "state_count")),
    Case("""stateCount(lambda: "k" == 'x').as('v')""", lambda: StateCount(is_x, "v")),
    Case("derivative('v').unit(1ms).as('d')", lambda: Derivative("v", SECOND // 1000, "d")),
    Case("derivative('w').nonNegative()", lambda: Derivative("w", SECOND, "w", non_negative=True)),
]

COLLECTING = [
    Case("flatten().on('k')", lambda: Flatten("h", "k", ".", 0, False)),
    Case("flatten().on('k').tolerance(7s)", lambda: Flatten("h", "k", ".", 7 * SECOND, False)),
    Case(
        "flatten().on('k', 'h').delimiter('_').tolerance(2s).dropOriginalFieldName()",
        lambda: Flatten("h", "kh", "_", 2 * SECOND, True),
    ),
    Case(
        """combine(lambda: "k" == 'x', lambda: TRUE).as('x', 'y').tolerance(2s).delimiter('_')""",
        lambda: Combine("h", [is_x, always], "xy", "_", 2 * SECOND),
    ),
    Case(
        """combine(lambda: TRUE, lambda: "v" > 0.5, lambda: TRUE).as('a', 'b', 'c').tolerance(3s)""",
        lambda: Combine("h", [always, above(0.5), always], "abc", ".", 3 * SECOND),
    ),
    Case("""combine(lambda: "v" > 0.5).as('a')""", lambda: Combine("h", [above(0.5)], "a", ".", 0)),
]


FUNCTIONS: dict[str, Callable[[Call], Oracle]] = {
    "count('v')": lambda c: Aggregate(c, len, ANY, of_nothing=0),
    "sum('v')": lambda c: Aggregate(c, total, of_nothing=0.0),
    "mean('v')": lambda c: Aggregate(c, mean),
    "median('v')": lambda c: Aggregate(c, median, one_keeps_time=(float,)),
    "mode('v')": Mode,
    "spread('v')": lambda c: Aggregate(c, spread),
    "stddev('v')": lambda c: Aggregate(c, stddev),
    "first('v')": lambda c: Selector(c, first, ANY, keeps_time=ANY),
    "last('v')": lambda c: Selector(c, last, ANY, keeps_time=ANY),
    "min('v')": lambda c: Selector(c, smallest),
    "max('v')": lambda c: Selector(c, largest),
    "percentile('v', 60.0)": lambda c: Selector(c, percentile(60.0), keeps_time=(float,)),
    "percentile('v', 5.0)": lambda c: Selector(c, percentile(5.0), keeps_time=(float,)),
    "distinct('v')": Distinct,
    "top(2, 'v')": lambda c: Best(c, 2, 1),
    "top(2, 'v', 'k')": lambda c: Best(c, 2, 1, ["k"]),
    "bottom(2, 'v')": lambda c: Best(c, 2, -1),
    "bottom(3, 'v', 'w', 'k')": lambda c: Best(c, 3, -1, ["w", "k"]),
}

TRANSFORMATIONS: dict[str, Callable[[Call], Oracle]] = {
    "difference('v')": Difference,
    "elapsed('v', 300ms)": lambda c: Elapsed(c, 300_000_000),
    "elapsed('v', 2s)": lambda c: Elapsed(c, 2 * SECOND),
    "movingAverage('v', 1)": lambda c: MovingAverage(c, 1),
    "movingAverage('v', 3)": lambda c: MovingAverage(c, 3),
    "cumulativeSum('v')": CumulativeSum,
}


def hold_to_it(parent: str, case: Case, cut: Cut) -> None:
    """Play a node behind its parent, and compare what it gives with what is foretold of what its parent gave."""
    lines, cuts, restarts = cut
    run = ScriptRun(f"{parent}|{case.script}|httpOut('end')")
    begin = 0
    for i, end in enumerate(cuts):
        if i in restarts:
            run.restart()
        run.write(*lines[begin:end])
        begin = end
    *_, before, node, _ = run.out
    found = [one for one in run.out[node] if isinstance(one, Point | Batch)]
    wanted = foretold(case.oracle, run.out[before])
    assert shown(found, case.digits) == shown(wanted, case.digits)


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.script) for case in cases])


PARENTS = pytest.mark.parametrize("parent", ["", *BATCHES], ids=["stream", "by time", "by count"])


@each(WINDOWS)
@examples(25)
@given(cut_points())
def test_windows(case: Case, cut: Cut) -> None:
    hold_to_it(FROM, case, cut)


@PARENTS
@each([*PASSING, *COLLECTING])
@examples(15)
@given(cut_points())
def test_what_passes_and_what_is_put_together(parent: str, case: Case, cut: Cut) -> None:
    hold_to_it(FROM + parent, case, cut)


@PARENTS
@pytest.mark.parametrize("function", FUNCTIONS)
@examples(15)
@given(cut_points(), st.booleans(), st.sampled_from(["", "v", "w"]))
def test_functions(parent: str, function: str, cut: Cut, point_times: bool, name: str) -> None:
    of = Call("v", name or function.partition("(")[0], point_times, "h")
    script = function + (f".as('{name}')" if name else "") + (".usePointTimes()" if point_times else "")
    digits = 12 if "stddev" in function else 17
    hold_to_it(FROM + parent, Case(script, lambda: FUNCTIONS[function](of), digits), cut)


@PARENTS
@pytest.mark.parametrize("function", TRANSFORMATIONS)
@examples(15)
@given(cut_points())
def test_transformations(parent: str, function: str, cut: Cut) -> None:
    of = Call("v", function.partition("(")[0], dimensions="h")
    hold_to_it(FROM + parent, Case(function, lambda: TRANSFORMATIONS[function](of)), cut)


def test_the_median_of_a_single_int_has_its_batchs_time() -> None:
    """Kapacitor 1.5.7 keeps the point's time only of a single float: IntegerMedianReduceSlice says ZeroTime."""
    lines = ["m,h=a v=1i 10000000000", "m,h=a v=2i 15000000000"]
    of = Call("v", "median", True, "h")
    case = Case("median('v').usePointTimes()", lambda: FUNCTIONS["median('v')"](of))
    hold_to_it(FROM + BATCHES[0], case, (lines, [2], set()))
