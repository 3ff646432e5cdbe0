"""Points for expression tests, from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grammar.tickscript.parser import parse_lambda
from services.columns.column import Value
from services.columns.frame import Points, points_of
from services.columns.groups.series import Series, SeriesTable
from services.expressions import EvaluationResult, Evaluator

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000

Row = Mapping[str, Value]


def points(
    table: SeriesTable, rows: Sequence[Row], tags: Sequence[Mapping[str, str]] | None = None, start: int = START
) -> Points:
    """One point a second; tags by row, none where not given."""
    numbers = [
        table.number(Series("db", "rp", "m", tuple(sorted(of_row.items())))) for of_row in tags or [{}] * len(rows)
    ]
    return points_of([start + i * SECOND for i in range(len(rows))], numbers, rows)


def evaluate(text: str, rows: Sequence[Row], tags: Sequence[Mapping[str, str]] | None = None) -> EvaluationResult:
    """An expression over points of their own table."""
    table = SeriesTable()
    return Evaluator(parse_lambda(text), table).evaluate(points(table, rows, tags))


def outcomes(result: EvaluationResult, n: int) -> list[Value | None]:
    """By row the value, or None where the row failed."""
    failed = [False] * n if result.failed is None else result.failed.tolist()
    values = [None] * n if result.column is None else result.column.tolist()
    return [None if bad else value for value, bad in zip(values, failed, strict=True)]


def true_rows(text: str, rows: Sequence[Row], tags: Sequence[Mapping[str, str]] | None = None) -> list[int]:
    """Which rows pass the expression as a condition."""
    table = SeriesTable()
    truth = Evaluator(parse_lambda(text), table).truth(points(table, rows, tags))
    return [i for i, true in enumerate(truth.true.tolist()) if true]
