"""Random lambdas over random columns: the column evaluator and the row evaluator agree, however the rows are cut."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grammar.tickscript.ast import Binary, Bool, Call, DurationLit, Expression, Number, Reference, Regex, String, Unary
from services.columns.column import Duration, Value, kind_of
from services.columns.frame import Points, points_of
from services.columns.groups.series import Series, SeriesTable
from services.expressions import EvaluationResult, Evaluator
from services.expressions.binding import bind
from services.expressions.execution import row_by_row
from services.expressions.functions import FUNCTIONS
from services.expressions.memory import Memory
from services.expressions.program import program_of
from services.expressions.tags import tags_of
from services.expressions.typed.operators import BINARY
from services.expressions.typed.signatures import StatefulOperation
from services.expressions.typed.types import ValueType
from tests.support.examples import examples

NOW = 1_700_000_100_000_000_000

INTS = st.one_of(
    st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]), st.integers(-(2**63), 2**63 - 1)
)
FLOATS = st.one_of(st.sampled_from([0.0, -0.0, 1.0, 2.5, -1.5, 1e308, 2.0**63]), st.floats())
TEXTS = st.one_of(st.sampled_from(["", "a", "12", "-1.5", "true", "1h30m", "héllo", "ß€𝄞"]), st.text(max_size=6))
DURATIONS = st.integers(-(2**63), 2**63 - 1).map(Duration)

VALUES: dict[ValueType, st.SearchStrategy[Value]] = {
    ValueType.FLOAT: FLOATS,
    ValueType.INT: INTS,
    ValueType.STRING: TEXTS,
    ValueType.BOOL: st.booleans(),
    ValueType.DURATION: DURATIONS,
}
FIELDS: dict[str, st.SearchStrategy[Value | None]] = {
    "f": FLOATS,
    "i": INTS,
    "s": TEXTS,
    "b": st.booleans(),
    "d": DURATIONS,
    "gaps": st.one_of(st.none(), FLOATS),
    "mixed": st.one_of(st.none(), *VALUES.values()),
}
NAMES = [*FIELDS, "tag", "clash", "nowhere"]
OF_TYPE = {
    ValueType.FLOAT: ["f", "gaps", "mixed"],
    ValueType.INT: ["i", "mixed"],
    ValueType.STRING: ["s", "tag", "mixed"],
    ValueType.BOOL: ["b", "mixed"],
    ValueType.DURATION: ["d"],
    ValueType.TIME: ["time"],
}
PATTERNS = ["a", "^[0-9]+$", "(l+)", "é|", "."]


@st.composite
def expressions(draw: st.DrawFn, type_: ValueType | None = None, depth: int = 3) -> Expression:
    """An expression that has this type, if all goes well; now and then one that does not."""
    if type_ is None or draw(st.integers(0, 11)) == 0:
        type_ = draw(st.sampled_from([*VALUES]))
    choices = _ways(type_) if depth else []
    if not choices or draw(st.integers(0, 3)) == 0:
        return draw(_leaf(type_))
    way, name, operands = draw(st.sampled_from(choices))
    arguments = []
    for operand in operands:
        if operand is ValueType.REGEX:
            arguments.append(Regex(draw(st.sampled_from(PATTERNS))))
        elif operand is ValueType.MISSING:
            arguments.append(Reference(draw(st.sampled_from(NAMES))))
        else:
            arguments.append(draw(expressions(operand, depth - 1)))
    if way == "call":
        return Call(name, tuple(arguments))
    return Unary(name, arguments[0]) if way == "unary" else Binary(name, arguments[0], arguments[1])


def _ways(type_: ValueType) -> list[tuple[str, str, tuple[ValueType, ...]]]:
    found = [("binary", symbol, (a, b)) for (symbol, a, b), o in BINARY.items() if o.result is type_] * 4
    for function in FUNCTIONS.values():
        for signature, operation in function.signatures.items():
            if operation.result is type_ and not isinstance(operation, StatefulOperation):
                found.append(("call", function.name, signature))
    if type_ is ValueType.BOOL:
        found += [("binary", symbol, (type_, type_)) for symbol in ("AND", "OR")] * 8
        found += [("unary", "!", (type_,))] * 4
    elif type_ in VALUES and type_ is not ValueType.STRING:
        found += [("unary", "-", (type_,))] * 2
    return found


def _leaf(type_: ValueType) -> st.SearchStrategy[Expression]:
    literal: st.SearchStrategy[Expression]
    if type_ is ValueType.TIME:
        return st.sampled_from([Reference("time"), Call("now", ())])
    if type_ is ValueType.STRING:
        literal = TEXTS.map(String)
    elif type_ is ValueType.BOOL:
        literal = st.booleans().map(Bool)
    elif type_ is ValueType.DURATION:
        literal = DURATIONS.map(DurationLit)
    else:
        literal = (FLOATS if type_ is ValueType.FLOAT else INTS).map(Number)
    named = st.sampled_from(OF_TYPE[type_]).map(Reference)
    return st.one_of(named, literal, st.sampled_from(NAMES).map(Reference))


@st.composite
def some_points(draw: st.DrawFn) -> tuple[SeriesTable, Points]:
    """Up to eight points in a few series, with any of the fields."""
    table = SeriesTable()
    n = draw(st.integers(1, 8))
    rows = []
    series = []
    for _ in range(n):
        fields = {name: value for name, of in FIELDS.items() if (value := draw(of)) is not None}
        tags = draw(st.sampled_from([(), (("tag", "a"),), (("tag", "é1"),), (("clash", "c"), ("tag", "12"))]))
        if draw(st.booleans()):
            fields["clash"] = 1.0
        rows.append(fields)
        series.append(table.number(Series("db", "rp", "m", tags)))
    times = [1_700_000_000_000_000_000 + i * 10**9 for i in range(n)]
    return table, points_of(times, series, rows)


def outcomes(result: EvaluationResult, n: int) -> list[Any]:
    """By row something to compare: type and exact value, or that it failed."""
    failed = np.zeros(n, dtype=bool) if result.failed is None else result.failed
    values: Sequence[Any] = [None] * n if result.column is None else result.column.tolist()
    return [("failed",) if bad else _exact(value) for value, bad in zip(values, failed.tolist(), strict=True)]


def _exact(value: Value) -> tuple[Any, ...]:
    if isinstance(value, float):
        return ("float", "NaN" if value != value else struct.pack("d", value))
    return (kind_of(value), value)


@examples(150)
@given(expressions(), some_points())
def test_columns_and_rows_agree(expression: Expression, given_points: tuple[SeriesTable, Points]) -> None:
    table, points = given_points
    n = len(points)
    program = program_of(expression)
    by_column = Evaluator(expression, table).evaluate(points, now=NOW)
    bindings = [bind(name, points, tags_of(table).column(name)) for name in program.references]
    by_row = row_by_row(program, bindings, n, NOW, None, Memory())
    assert outcomes(by_column, n) == outcomes(by_row, n)
    assert set(by_column.reasons) <= set(by_row.reasons) or len(by_row.reasons) >= 5
    assert bool(by_column.reasons) == (by_column.failed is not None)


@examples(60)
@given(expressions(), some_points(), st.integers(0, 8), st.booleans())
def test_cuts_do_not_show(
    expression: Expression, given_points: tuple[SeriesTable, Points], cut: int, stateful: bool
) -> None:
    table, points = given_points
    n = len(points)
    if stateful:
        expression = Binary("+", Call("float", (expression,)), Call("sigma", (Call("float", (Call("count", ()),)),)))
    group = np.arange(n) % 2
    whole = Evaluator(expression, table).evaluate(points, group, NOW)
    first, second = Evaluator(expression, table), Evaluator(expression, table)
    head, tail = np.arange(min(cut, n)), np.arange(min(cut, n), n)
    parts = outcomes(first.evaluate(points.take(head), group[head], NOW), len(head))
    second.restore(first.state())
    parts += outcomes(second.evaluate(points, group, NOW, rows=tail), n)[len(head) :]
    assert parts == outcomes(whole, n)
