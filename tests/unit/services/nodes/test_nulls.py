"""Nulls that an outer join fills with, where Kapacitor 1.5.7 panics, loses the point, or is no guide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.graph import Batch, Point, ScriptRun

SECOND = 10**9
JOINED = """var l = stream|from().measurement('l')
l|join(stream|from().measurement('r')).as('l', 'r').fill('null')"""


def run_of(chain: str, values: list[str | None], *, twice: bool = False) -> ScriptRun:
    """A chain behind the join, with r.v as it is given, one a second; None: null. twice: two points at each time."""
    lines = []
    for i, value in enumerate(values):
        lines += [f"l v=1 {i * SECOND}"] * (1 + twice)
        if value is not None:
            lines += [f"r v={value} {i * SECOND}"] * (1 + twice)
    end = len(values)
    return ScriptRun(f"{JOINED}{chain}|httpOut('end')").write(*lines, *(f"{m} v=0 {end * SECOND}" for m in "lr"))


WINDOW = [None, "2", "5", "6"]


@pytest.mark.parametrize(
    ("function", "field", "value"),
    [
        ("count('r.v')", "count", 3),
        ("sum('r.v')", "sum", 13.0),
        ("first('r.v')", "first", 2.0),
        ("last('r.v')", "last", 6.0),
        ("min('r.v')", "min", 2.0),
        ("median('r.v')", "median", 5.0),
        ("mode('r.v')", "mode", 2.0),
        ("percentile('r.v', 50.0)", "percentile", 5.0),
    ],
)
@pytest.mark.parametrize("values", [WINDOW, WINDOW[1:] + WINDOW[:1]])
def test_a_null_in_a_window_is_passed_over(function: str, field: str, value: Any, values: list[str | None]) -> None:
    run = run_of(f"|window().periodCount(4).everyCount(4)|{function}", values)
    (point,) = run.last(field)
    assert isinstance(point, Point) and point.fields[field] == value
    assert run.counts()[f"{field}6"]["errors"] == 1


def test_distinct_top_and_a_forecast_pass_over_them_too() -> None:
    window = "|window().periodCount(4).everyCount(4)"
    for function, values in (("distinct('r.v')", [2.0, 5.0, 6.0]), ("top(3, 'r.v')", [2.0, 5.0, 6.0])):
        (batch,) = run_of(f"{window}|{function}", WINDOW).last(function.split("(")[0])
        assert isinstance(batch, Batch) and [next(iter(f.values())) for _, _, f in batch.points] == values
    (batch,) = run_of(f"{window}|holtWinters('r.v', 1, 0, 1s)", WINDOW).last("holtWinters")
    assert isinstance(batch, Batch) and len(batch.points) == 1


@pytest.mark.parametrize("function", ["first", "last", "distinct", "count", "min", "mode", "stddev", "top"])
def test_two_nulls_at_one_time_give_nothing_and_end_nothing(function: str) -> None:
    arguments = "1, 'r.v'" if function == "top" else "'r.v'"
    run = run_of(f"|{function}({arguments})", [None, None, "4", None, "5"], twice=True)
    assert [(g.time // SECOND) for g in run.last(function)] == [2, 4]
    assert run.counts()[f"{function}5"]["errors"] == 6


def test_a_window_of_nulls_alone_is_an_empty_one() -> None:
    for function, values in (("count", [0]), ("sum", [0.0]), ("mean", []), ("first", [])):
        run = run_of(f"|window().periodCount(2).everyCount(2)|{function}('r.v')", [None, None])
        assert [p.fields[function] for p in run.last(function) if isinstance(p, Point)] == values


def test_best_by_a_field_that_is_null_is_another_one_than_by_a_missing_field() -> None:
    lines = ["l v=1 1", "l v=2 2", "r v=1 2", "l v=3 3", "r w=1 3", "l v=4 9", "r v=4 9"]
    run = ScriptRun(f"{JOINED}|window().periodCount(3).everyCount(3)|top(3, 'l.v', 'r.v')|httpOut('x')").write(*lines)
    (batch,) = run.last("top")
    assert isinstance(batch, Batch) and [f["top"] for _, _, f in batch.points] == [1.0, 2.0, 3.0]


def test_a_null_is_no_earlier_result_and_hides_none() -> None:
    chain = """|eval(lambda: "l.v" + 1.0, lambda: "r.v" + 1.0).as('r.v', 'x').keep()"""
    for values in ([None, "7"], [None], ["7", None]):
        run = run_of(chain, values)
        found = [p.fields for p in run.last("eval") if isinstance(p, Point)]
        expected = [{"l.v": 1.0, "r.v": float(v or 2), "x": float(v or 2) + 1.0} for v in values]
        assert found == [*expected, {"l.v": 0.0, "r.v": 0.0, "x": 1.0}]


def test_a_condition_on_a_null_fails_and_is_present_says_no() -> None:
    run = run_of("""|where(lambda: "r.v" > 0.0)""", [None, "2"])
    assert [p.time // SECOND for p in run.last("where")] == [1]
    assert run.counts()["where5"]["errors"] == 1
    run = run_of("""|where(lambda: !isPresent("r.v"))""", [None, "2"])
    assert [p.time // SECOND for p in run.last("where")] == [0]
    assert run.counts()["where5"]["errors"] == 0


def test_line_protocol_has_no_null() -> None:
    chain = f"{JOINED}|kapacitorLoopback().database('d').retentionPolicy('r')"
    run = ScriptRun(chain).write("l v=1 1", "l v=2 2", "r v=3 2")
    assert b"".join(e.lines for e in run.effects if hasattr(e, "lines")) == b"l l.v=1 1\nl l.v=2,r.v=3 2\n"
    run = ScriptRun(chain.replace("|kapacitor", "|delete().field('l.v')|kapacitor")).write(
        "l v=1 1", "l v=2 2", "r v=3 2"
    )
    assert b"".join(e.lines for e in run.effects if hasattr(e, "lines")) == b"l r.v=3 2\n"
    assert run.counts()["kapacitor_loopback6"]["errors"] == 1
