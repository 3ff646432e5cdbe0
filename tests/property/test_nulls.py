"""Nulls, as an outer join fills with, against plain models of the nodes behind it: they are there and are no values."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.graph import Batch, Given, Point, ScriptRun

SECOND = 10**9
JOINED = """var l = stream|from().measurement('l').groupBy('h')
l|join(stream|from().measurement('r').groupBy('h')).as('l', 'r').fill('null')"""

Row = tuple[int, dict[str, Any]]
"""A point behind the join: seconds and fields; None for a null."""

Values = list[tuple[int, Any]]
"""What a function can use of some rows: seconds and value."""

INTS, FLOATS, TEXTS = ["1i", "2i", "5i", "-3i"], ["0.5", "1.5", "2", "-4"], ['"x"', '"y"']


Played = tuple[list[str], list[int], set[int]]
"""Lines, where they are cut into frames, and before which of these there is a restart."""


@st.composite
def written(draw: st.DrawFn) -> Played:
    """Lines of l, and of r where it has them.

    A point of r may be missing, so that what stands for it is null, or be there without v. The end lets all out.
    """
    kinds = draw(st.sampled_from([INTS, FLOATS, TEXTS, INTS + FLOATS, FLOATS + TEXTS]))
    state = st.sampled_from([*kinds, *kinds, "null", "null", "null", "missing"])
    lines, time = [], 10
    for _ in range(draw(st.integers(1, 12))):
        time += draw(st.sampled_from([0, 1, 1, 2]))
        of_r = draw(state)
        lines.append(f"l,h=a v=1 {time * SECOND}")
        if of_r != "null":
            lines.append(f"r,h=a {'' if of_r == 'missing' else f'v={of_r},'}w=1 {time * SECOND}")
    lines += [f"{m},h=a v=1 {t * SECOND}" for t in (100, 101) for m in "lr"]
    cuts = sorted(draw(st.sets(st.integers(1, len(lines)), max_size=4)) | {len(lines)})
    return lines, cuts, draw(st.sets(st.integers(0, len(cuts) - 1), max_size=2))


def run_of(chain: str, given: Played) -> tuple[ScriptRun, list[Row]]:
    """A chain behind the join, played; and the rows that the join gave."""
    lines, cuts, restarts = given
    run = ScriptRun(f"{JOINED}{chain}|httpOut('end')")
    for i, (begin, end) in enumerate(pairwise([0, *cuts])):
        if i in restarts:
            run.restart()
        run.write(*lines[begin:end])
    return run, [(p.time // SECOND, p.fields) for p in run.last("join") if isinstance(p, Point)]


def usable(rows: Sequence[Row], numbers: bool) -> Values:
    """The rows whose r.v a function can use: no nulls, and of the type of the first."""
    types = (int, float) if numbers else (int, float, str)
    found = [(t, f["r.v"]) for t, f in rows if type(f.get("r.v")) in types]
    return [(t, v) for t, v in found if type(v) is type(found[0][1])]


def percentile(values: list[Any]) -> list[Any]:
    rank = math.floor(len(values) * 0.5 + 0.5) - 1
    return [sorted(values)[rank]] if rank >= 0 else []


def last_of(rows: Values) -> Any:
    return max(v for t, v in rows if t == rows[-1][0])


REDUCTIONS: dict[str, Callable[[Values], list[Any]]] = {
    "count('r.v')": lambda rows: [len(rows)],
    "sum('r.v')": lambda rows: [sum(v for _, v in rows) if rows else 0.0],
    "mean('r.v')": lambda rows: [statistics.mean(v for _, v in rows)] if rows else [],
    "median('r.v')": lambda rows: [statistics.median(v for _, v in rows)] if rows else [],
    "spread('r.v')": lambda rows: [max(v for _, v in rows) - min(v for _, v in rows)] if rows else [],
    "stddev('r.v')": lambda rows: [statistics.stdev([v for _, v in rows]) if len(rows) > 1 else 0.0] if rows else [],
    "min('r.v')": lambda rows: [min(v for _, v in rows)] if rows else [],
    "max('r.v')": lambda rows: [max(v for _, v in rows)] if rows else [],
    "first('r.v')": lambda rows: [max(v for t, v in rows if t == rows[0][0])] if rows else [],
    "last('r.v')": lambda rows: [last_of(rows)] if rows else [],
    "percentile('r.v', 50.0)": lambda rows: percentile([v for _, v in rows]),
}
ANY_TYPE = ("count", "first", "last", "distinct", "elapsed")


def errors(run: ScriptRun, name: str) -> int:
    return next(counts["errors"] for node, counts in run.counts().items() if node.startswith(name))


def results(given: Sequence[Given], name: str) -> list[Any]:
    return [p.fields[name] for p in given if isinstance(p, Point)]


@pytest.mark.parametrize("function", REDUCTIONS)
@examples(25)
@given(written())
def test_a_reduction_of_a_window_takes_the_values_that_are_there(function: str, given: Played) -> None:
    name = function.split("(")[0]
    run, rows = run_of(f"|window().periodCount(5).everyCount(5)|{function}", given)
    windows = [usable(rows[begin : begin + 5], name not in ANY_TYPE) for begin in range(0, len(rows) - 4, 5)]
    expected = [value for found in windows for value in REDUCTIONS[function](found)]
    assert results(run.last(name), name) == pytest.approx(expected)
    assert errors(run, name) == sum(5 - len(found) for found in windows)


@pytest.mark.parametrize("function", REDUCTIONS)
@examples(25)
@given(written())
def test_a_reduction_of_a_time_gives_nothing_of_nulls_alone(function: str, given: Played) -> None:
    name = function.split("(")[0]
    run, rows = run_of(f"|{function}", given)
    times = [usable(list(part), name not in ANY_TYPE) for _, part in groupby(rows, key=lambda row: row[0])][:-1]
    expected = [value for found in times if found for value in REDUCTIONS[function](found)]
    assert results(run.last(name), name) == pytest.approx(expected)
    assert errors(run, name) == len(rows) - len(usable(rows[-1:], name not in ANY_TYPE)) - sum(map(len, times))


def distinct(rows: Values) -> list[Any]:
    first: dict[Any, int] = {}
    for t, v in rows:
        first.setdefault(v, t)
    return [v for _, v in sorted((t, v) for v, t in first.items())]


def best(rows: Values, sign: int) -> list[Any]:
    ranked = sorted(range(len(rows)), key=lambda i: (-sign * rows[i][1], rows[i][0], i))[:2]
    return [v for _, v in sorted(((rows[i][0], -sign * rows[i][1], i), rows[i][1]) for i in ranked)]


CHOICES: dict[str, Callable[[Values], list[Any]]] = {
    "distinct('r.v')": distinct,
    "top(2, 'r.v')": lambda rows: best(rows, 1),
    "bottom(2, 'r.v')": lambda rows: best(rows, -1),
}


@pytest.mark.parametrize("function", CHOICES)
@examples(25)
@given(written())
def test_a_choice_of_a_window_takes_values_that_are_there(function: str, given: Played) -> None:
    name = function.split("(")[0]
    run, rows = run_of(f"|window().periodCount(5).everyCount(5)|{function}", given)
    windows = [usable(rows[begin : begin + 5], name not in ANY_TYPE) for begin in range(0, len(rows) - 4, 5)]
    batches = [b for b in run.last(name) if isinstance(b, Batch)]
    assert [[f[name] for _, _, f in b.points] for b in batches] == [CHOICES[function](w) for w in windows if w]


def cumulative(rows: Values) -> Any:
    return sum(v for _, v in rows)


def average(rows: Values) -> Any:
    return sum(v for _, v in rows[-2:]) / 2 if len(rows) > 1 else None


def since(rows: Values) -> Any:
    return rows[-1][0] - rows[-2][0] if len(rows) > 1 else None


TRANSFORMATIONS: dict[str, Callable[[Values], Any]] = {
    "cumulativeSum('r.v')": cumulative,
    "movingAverage('r.v', 2)": average,
    "elapsed('r.v', 1s)": since,
}


def transformed(rows: Sequence[Row], function: str) -> list[tuple[int, Any]]:
    """Time and result at each row: with a null, no field or another type the last one again, once there is a value."""
    name = function.split("(")[0]
    seen: Values = []
    out = []
    for row in rows:
        seen = usable([*((t, {"r.v": v}) for t, v in seen), row], name not in ANY_TYPE)
        if seen and (result := TRANSFORMATIONS[function](seen)) is not None:
            out.append((seen[-1][0], result))
    return out


@pytest.mark.parametrize("function", TRANSFORMATIONS)
@pytest.mark.parametrize("size", [0, 5])
@examples(25)
@given(written())
def test_at_a_null_the_last_result_of_a_transformation_goes_out_again(size: int, function: str, given: Played) -> None:
    name = function.split("(")[0]
    run, rows = run_of(f"{f'|window().periodCount({size}).everyCount({size})' if size else ''}|{function}", given)
    if size:
        parts = [rows[begin : begin + size] for begin in range(0, len(rows) - size + 1, size)]
        found = [[(t, f) for _, t, f in b.points] for b in run.last(name) if isinstance(b, Batch)]
    else:
        parts, found = [rows], [[(p.time, p.fields) for p in run.last(name) if isinstance(p, Point)]]
    assert [[(t // SECOND, f[name]) for t, f in part] for part in found] == [transformed(p, function) for p in parts]


@examples(50)
@given(written(), st.sampled_from(["0.5", "7", "'none'", "TRUE"]))
def test_default_fills_and_counts_them(given: Played, value: str) -> None:
    run, rows = run_of(f"|default().field('r.v', {value})", given)
    filled: Any = {"0.5": 0.5, "7": 7, "'none'": "none", "TRUE": True}[value]
    lacking = [f.get("r.v") is None for _, f in rows]
    expected = [{**f, "r.v": filled} if lack else f for (_, f), lack in zip(rows, lacking, strict=True)]
    assert repr([p.fields for p in run.last("default")]) == repr([dict(sorted(f.items())) for f in expected])  # type: ignore[union-attr]
    assert run.counts()["default5"]["fields_defaulted"] == sum(lacking)


def changed(rows: Sequence[Row], fields: Sequence[str]) -> list[Row]:
    """The rows that changeDetect hands on: a null is a value, and what it replaces when the field was missing."""
    before: dict[str, Any] = {}
    out = []
    for t, row in rows:
        now = [(f, row[f]) for f in fields if f in row]
        if any(type(before.get(f)) is not type(v) or before.get(f) != v for f, v in now):
            out.append((t, row))
            before = row
    return out


@pytest.mark.parametrize("fields", [["r.v"], ["r.v", "r.w"], ["l.v", "r.v"]])
@examples(50)
@given(written())
def test_change_detect_takes_them_for_values(fields: list[str], given: Played) -> None:
    names = ", ".join(f"'{f}'" for f in fields)
    run, rows = run_of(f"|changeDetect({names})", given)
    found = [(p.time // SECOND, p.fields) for p in run.last("changeDetect") if isinstance(p, Point)]
    assert repr(found) == repr(changed(rows, fields))
    run, rows = run_of(f"|window().periodCount(5).everyCount(5)|changeDetect({names})", given)
    parts = [changed(rows[begin : begin + 5], fields) for begin in range(0, len(rows) - 4, 5)]
    batches = [b for b in run.last("changeDetect") if isinstance(b, Batch)]
    assert repr([[(t // SECOND, f) for _, t, f in b.points] for b in batches]) == repr(parts)


@examples(50)
@given(written())
def test_derivative_and_conditions_pass_over_them(given: Played) -> None:
    run, rows = run_of("""|derivative('r.v').as('d')""", given)
    there = [(t, f["r.v"]) for t, f in rows if type(f.get("r.v")) in (int, float)]
    expected = [(b - a) / (u - t) for (t, a), (u, b) in pairwise(there) if t != u]
    assert results(run.last("derivative"), "d") == expected
    run, rows = run_of("""|where(lambda: "l.v" > 2.0 OR "r.v" > 0.5)""", given)
    floats = [t for t, f in rows if type(f.get("r.v")) is float and f["r.v"] > 0.5]
    ints = [t for t, f in rows if type(f.get("r.v")) is int and f["r.v"] > 0.5]
    assert [p.time // SECOND for p in run.last("where")] == sorted(floats + ints)  # type: ignore[union-attr]
