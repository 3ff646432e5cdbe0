"""What InfluxDB would answer to a query, from lines that a test has written: enough of InfluxQL for batch tasks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from grammar.influxql.ast import (
    Binary,
    Call,
    Distinct,
    Expression,
    Literal,
    Paren,
    Reference,
    Regex,
    Select,
    Wildcard,
    walk,
)
from grammar.influxql.parser import parse_select
from grammar.tickscript.literals import parse_duration
from services.testing.input.aggregates import AGGREGATES, SELECTORS, Values


class CannotAnswer(ValueError):
    """The query is beyond this; str() says by what."""


@dataclass(frozen=True, slots=True)
class Point:
    """time: ns. tags, fields: by name."""

    database: str
    retention_policy: str
    name: str
    tags: dict[str, str]
    fields: dict[str, Any]
    time: int


@dataclass(slots=True)
class InfluxDB:
    """The points that were written, of all databases."""

    points: list[Point] = field(default_factory=list)

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series of an answer: name, tags, columns, values, times in ns. Raises CannotAnswer."""
        try:
            return self._answer(parse_select(text))
        except re.error as error:
            raise CannotAnswer(f"its regular expression: {error}") from None

    def _answer(self, select: Select) -> list[dict[str, Any]]:
        _check(select)
        answer: list[dict[str, Any]] = []
        for (database, policy), measurement in zip(select.sources, select.measurements, strict=True):
            mine = [p for p in self.points if (p.database, p.retention_policy) == (database, policy)]
            names = sorted({p.name for p in mine if _named(p.name, measurement)})
            for name in names:
                answer += _Query(select, [p for p in mine if p.name == name]).series(name)
        return answer


class _Query:
    """A SELECT over the points of one measurement."""

    def __init__(self, select: Select, points: list[Point]) -> None:
        self._select = select
        self._start, self._stop = -(2**63), 2**63 - 1
        if select.where is not None:
            self._bound(select.where)
            points = [p for p in points if _true(select.where, p)]
        self._points = sorted(points, key=lambda p: p.time)
        self._interval, self._offset = _interval(select.dimensions)
        if re.search(r"\b(OFFSET|SLIMIT|SOFFSET)\b", select.tail, re.IGNORECASE):
            raise CannotAnswer("OFFSET, SLIMIT and SOFFSET")

    def series(self, name: str) -> Iterator[dict[str, Any]]:
        tags = self._dimensions()
        groups: dict[tuple[str, ...], list[Point]] = {}
        for point in self._points:
            groups.setdefault(tuple(point.tags.get(tag, "") for tag in tags), []).append(point)
        for key in sorted(groups):
            columns, rows = self._rows(groups[key])
            if self._select.descending:
                rows.reverse()
            rows = rows[: self._select.limit or None]
            if rows:
                found: dict[str, Any] = {"name": name, "columns": ["time", *columns], "values": rows}
                yield {**found, "tags": dict(zip(tags, key, strict=True))} if tags else found

    def _rows(self, points: list[Point]) -> tuple[list[str], list[list[Any]]]:
        fields = [one for e, name in self._fields() for one in _expanded(e, name, points, self._dimensions())]
        calls = [any(isinstance(part, Call | Distinct) for part in walk(e)) for e, _ in fields]
        names = _unique([name for _, name in fields])
        if not any(calls):
            if self._interval:
                raise CannotAnswer("GROUP BY time without an aggregate")
            rows = [[p.time, *(_value(e, p) for e, _ in fields)] for p in points]
            return names, [row for row in rows if any(cell is not None for cell in row[1:])]
        if not all(calls):
            raise CannotAnswer("fields beside aggregates")
        if self._interval:
            return names, self._windows([e for e, _ in fields], points)
        if len(fields) == 1:
            return names, _alone(fields[0][0], points, max(self._start, 0))
        cells = [_aggregate(e, points) for e, _ in fields]
        return names, [[max(self._start, 0), *cells]] if any(cell is not None for cell in cells) else []

    def _windows(self, fields: list[Expression], points: list[Point]) -> list[list[Any]]:
        by_window: dict[int, list[Point]] = {}
        for p in points:
            by_window.setdefault((p.time - self._offset) // self._interval * self._interval + self._offset, []).append(
                p
            )
        if not any(_aggregate(e, points) is not None for e in fields):
            return []
        begin = min(self._start, points[0].time) if self._start == -(2**63) else self._start
        first = (begin - self._offset) // self._interval * self._interval + self._offset
        last = self._stop - 1 if self._stop < 2**63 - 1 else points[-1].time
        fill = _fill_of(self._select.fill)
        rows: list[list[Any]] = []
        for time in range(first, last + 1, self._interval):
            cells = [_aggregate(e, by_window.get(time, [])) for e in fields]
            if all(cell is None for cell in cells) and fill == "none":
                continue
            before = rows[-1][1:] if rows else [None] * len(cells)
            rows.append([time, *(_filled(c, fill, b, e) for c, b, e in zip(cells, before, fields, strict=True))])
        return rows

    def _fields(self) -> list[tuple[Expression, str]]:
        return [(e, name) for e, name in zip(self._select.fields, self._select.names, strict=True)]

    def _dimensions(self) -> list[str]:
        known = sorted({tag for p in self._points for tag in p.tags})
        found: dict[str, None] = {}
        for dimension in self._select.dimensions:
            if isinstance(dimension, Wildcard):
                found |= dict.fromkeys(known)
            elif isinstance(dimension, Regex):
                found |= dict.fromkeys(tag for tag in known if re.search(dimension.pattern, tag))
            elif isinstance(dimension, Reference):
                found[dimension.name] = None
        return list(found)

    def _bound(self, e: Expression) -> None:
        """The span of time that a condition leaves."""
        if isinstance(e, Paren):
            self._bound(e.inner)
        elif isinstance(e, Binary) and e.operator == "AND":
            self._bound(e.left)
            self._bound(e.right)
        elif isinstance(e, Binary) and _is_time(e.left):
            time = _constant(e.right)
            if e.operator in (">", ">="):
                self._start = max(self._start, time + (e.operator == ">"))
            elif e.operator in ("<", "<="):
                self._stop = min(self._stop, time + (e.operator == "<="))


def _check(select: Select) -> None:
    """Raises CannotAnswer for what is not known here, whatever points there are."""
    for call in (part for e in select.fields for part in walk(e) if isinstance(part, Call)):
        if call.name not in AGGREGATES and call.name not in SELECTORS and call.name != "distinct":
            raise CannotAnswer(f"{call.name}()")
    _fill_of(select.fill)


def _named(name: str, measurement: str | Regex) -> bool:
    return bool(re.search(measurement.pattern, name)) if isinstance(measurement, Regex) else name == measurement


def _interval(dimensions: Sequence[Expression]) -> tuple[int, int]:
    for e in dimensions:
        if isinstance(e, Call) and e.name == "time":
            parts = [_constant(part) for part in e.arguments]
            return parts[0], parts[1] % parts[0] if len(parts) > 1 else 0
    return 0, 0


def _is_time(e: Expression) -> bool:
    return isinstance(e, Reference) and e.name.lower() == "time"


def _constant(e: Expression) -> int:
    if isinstance(e, Literal) and e.kind == "DurationLiteral":
        return parse_duration(str(e.value)) if not str(e.value).endswith("ns") else int(str(e.value)[:-2])
    if isinstance(e, Literal) and isinstance(e.value, int):
        return e.value
    raise CannotAnswer("a time that is no number")


def _true(e: Expression, p: Point) -> bool:
    """Whether a condition holds for a point."""
    if isinstance(e, Paren):
        return _true(e.inner, p)
    if not isinstance(e, Binary):
        return _value(e, p) is True
    if e.operator == "AND":
        return _true(e.left, p) and _true(e.right, p)
    if e.operator == "OR":
        return _true(e.left, p) or _true(e.right, p)
    if _is_time(e.left):
        return _compare(e.operator, p.time, _constant(e.right))
    left = _value(e.left, p)
    if e.operator in ("=~", "!~"):
        assert isinstance(e.right, Regex)
        found = bool(re.search(e.right.pattern, left if isinstance(left, str) else ""))
        return found if e.operator == "=~" else not found
    if (
        left is None
        and isinstance(e.left, Reference)
        and isinstance(e.right, Literal)
        and isinstance(e.right.value, str)
    ):
        left = ""  # a tag that is not there
    return _compare(e.operator, left, _value(e.right, p))


def _compare(operator: str, left: Any, right: Any) -> bool:
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return False
    answers: dict[str, Callable[[], bool]] = {
        "=": lambda: left == right,
        "!=": lambda: left != right,
        "<>": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }
    if operator not in answers:
        raise CannotAnswer(f"the operator {operator}")
    return bool(answers[operator]())


def _value(e: Expression, p: Point) -> Any:
    if isinstance(e, Paren):
        return _value(e.inner, p)
    if isinstance(e, Reference):
        return p.fields.get(e.name, p.tags.get(e.name))
    if isinstance(e, Literal):
        return e.value
    if isinstance(e, Binary):
        return _calculated(e.operator, _value(e.left, p), _value(e.right, p))
    raise CannotAnswer("an expression of this kind")


def _calculated(operator: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if operator in ("/", "%") and right == 0:
        return 0.0
    known: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
    }
    if operator not in known:
        raise CannotAnswer(f"the operator {operator}")
    return known[operator]()


def _expanded(e: Expression, name: str, points: list[Point], tags: Sequence[str]) -> Iterator[tuple[Expression, str]]:
    """A field, or all that `*` stands for, each with its name. tags: that the answer is grouped by."""
    known = sorted({key for p in points for key in p.fields})
    if isinstance(e, Wildcard | Regex):
        for key in sorted({*known, *(tag for p in points for tag in p.tags if tag not in tags)}):
            if isinstance(e, Wildcard) or re.search(e.pattern, key):
                yield Reference(key), key
    elif isinstance(e, Call) and e.arguments and isinstance(e.arguments[0], Wildcard | Regex):
        first = e.arguments[0]
        for key in known:
            numeric = any(type(p.fields.get(key)) in (int, float) for p in points)
            if (numeric or e.name == "count") and (isinstance(first, Wildcard) or re.search(first.pattern, key)):
                call = Call(e.name, (Reference(key), *e.arguments[1:]), e.texts)
                yield call, f"{name or e.name}_{key}"
    else:
        yield e, name or _name_of(e)


def _name_of(e: Expression) -> str:
    if isinstance(e, Paren):
        return _name_of(e.inner)
    if isinstance(e, Distinct):
        return "distinct"
    if isinstance(e, Reference | Call):
        return e.name
    parts = [part.name for part in walk(e) if isinstance(part, Call)]
    parts = parts or [part.name for part in walk(e) if isinstance(part, Reference)]
    return "_".join(parts)


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number = 0
        while (one := f"{name}_{number}" if number else name) in found:
            number += 1
        found.append(one)
    return found


def _alone(e: Expression, points: list[Point], start: int) -> list[list[Any]]:
    """The rows of an aggregate that stands by itself: a selector's has the time of the point that it selects."""
    if isinstance(e, Distinct) or (isinstance(e, Call) and e.name == "distinct"):
        return [[start, value] for value in dict.fromkeys(v for _, v in _values_of(e, points))]
    if isinstance(e, Call) and e.name in SELECTORS:
        picked = SELECTORS[e.name](_values_of(e, points), _parameter(e))
        return [] if picked is None else [list(picked)]
    cell = _aggregate(e, points)
    return [] if cell is None else [[start, cell]]


def _aggregate(e: Expression, points: list[Point]) -> Any:
    if isinstance(e, Paren):
        return _aggregate(e.inner, points)
    if isinstance(e, Literal):
        return e.value
    if isinstance(e, Binary):
        return _calculated(e.operator, _aggregate(e.left, points), _aggregate(e.right, points))
    if not isinstance(e, Call):
        raise CannotAnswer("an expression of this kind beside aggregates")
    if e.name == "count" and e.arguments and isinstance(e.arguments[0], Call | Distinct):
        return len({value for _, value in _values_of(e.arguments[0], points)}) or None
    values = _values_of(e, points)
    if e.name in SELECTORS:
        picked = SELECTORS[e.name](values, _parameter(e))
        return None if picked is None else picked[1]
    return AGGREGATES[e.name]([value for _, value in values]) if values else None


def _values_of(e: Expression, points: list[Point]) -> Values:
    name = e.name if isinstance(e, Distinct) else None
    if isinstance(e, Call) and e.arguments and isinstance(e.arguments[0], Reference):
        name = e.arguments[0].name
    if name is None:
        raise CannotAnswer("a function of something else than a field")
    return [(p.time, p.fields[name]) for p in points if name in p.fields]


def _parameter(e: Call) -> float:
    last = e.arguments[-1]
    return float(last.value) if isinstance(last, Literal) and isinstance(last.value, int | float) else 0.0


def _fill_of(text: str) -> str:
    option = text.partition("(")[2].rstrip(") ").strip() or "null"
    if option.lower() == "linear":
        raise CannotAnswer("fill(linear)")
    return option.lower()


def _filled(cell: Any, fill: str, before: Any, e: Expression) -> Any:
    if cell is not None:
        return cell
    if fill == "null":
        return 0 if isinstance(e, Call) and e.name == "count" else None
    if fill == "none":
        return None
    return before if fill == "previous" else float(fill)
