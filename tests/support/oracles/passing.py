"""Nodes that hand on some of the points, or all with a field more: changeDetect, sample, stateDuration and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.columns.column import Value
from tests.support.graph import Batch, Point
from tests.support.oracles.oracle import points_of, truncated

Condition = Callable[[Point], bool | None]
"""Whether a lambda holds for a point; None: it cannot be evaluated."""


class Passing:
    """A node that makes at most one point of each, and begins anew with each batch."""

    def begin(self) -> None:
        """Forget what came."""
        raise NotImplementedError

    def passed(self, point: Point) -> Point | None:
        """What goes on of a point."""
        raise NotImplementedError

    def __init__(self) -> None:
        self.begin()

    def point(self, point: Point) -> Iterable[Point]:
        passed = self.passed(point)
        return [] if passed is None else [passed]

    def batch(self, batch: Batch) -> Iterable[Batch]:
        self.begin()
        passed = [self.passed(point) for point in points_of(batch)]
        return [batch._replace(points=[(p.tags, p.time, p.fields) for p in passed if p is not None])]


class ChangeDetect(Passing):
    """A point goes on if one of the fields that it has differs from the last that went on, in type or value."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields
        super().__init__()

    def begin(self) -> None:
        self.last: dict[str, Value | None] = {}

    def passed(self, point: Point) -> Point | None:
        there = [f for f in self.fields if f in point.fields]
        if not any(_differs(self.last.get(f), point.fields[f]) for f in there):
            return None
        self.last = point.fields
        return point


def _differs(one: object, other: object) -> bool:
    return type(one) is not type(other) or one != other


class SampleCount(Passing):
    """sample(n): the first of each n points."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__()

    def begin(self) -> None:
        self.count = 0

    def passed(self, point: Point) -> Point | None:
        self.count += 1
        return point if (self.count - 1) % self.n == 0 else None


class SampleTime(Passing):
    """sample(duration): the points at its multiples."""

    def __init__(self, unit: int) -> None:
        self.unit = unit
        super().__init__()

    def begin(self) -> None:
        pass

    def passed(self, point: Point) -> Point | None:
        return point if truncated(point.time, self.unit) == point.time else None


class StateDuration(Passing):
    """How long the condition has held, a float of units; -1 where it does not."""

    def __init__(self, condition: Condition, unit: int, name: str) -> None:
        self.condition, self.unit, self.name = condition, unit, name
        super().__init__()

    def begin(self) -> None:
        self.since: int | None = None

    def passed(self, point: Point) -> Point | None:
        holds = self.condition(point)
        if holds is None:
            return None
        if not holds:
            self.since = None
            return _with(point, self.name, -1.0)
        if self.since is None:
            self.since = point.time
        return _with(point, self.name, (point.time - self.since) / self.unit)


class StateCount(Passing):
    """For how many points the condition has held; -1 where it does not."""

    def __init__(self, condition: Condition, name: str) -> None:
        self.condition, self.name = condition, name
        super().__init__()

    def begin(self) -> None:
        self.count = 0

    def passed(self, point: Point) -> Point | None:
        holds = self.condition(point)
        if holds is None:
            return None
        self.count = self.count + 1 if holds else 0
        return _with(point, self.name, self.count if holds else -1)


class Derivative(Passing):
    """The change of a number by unit of time since the point before; nothing where no time has passed.

    nonNegative drops what falls, and unlike Kapacitor also what rises towards earlier times.
    """

    def __init__(self, field: str, unit: int, name: str, non_negative: bool = False) -> None:
        self.field, self.unit, self.name, self.non_negative = field, unit, name, non_negative
        super().__init__()

    def begin(self) -> None:
        self.last: tuple[int, float] | None = None

    def passed(self, point: Point) -> Point | None:
        value = point.fields.get(self.field)
        if type(value) is not int and type(value) is not float:
            return None
        before, self.last = self.last, (point.time, float(value))
        if before is None or before[0] == point.time:
            return None
        change, passed = float(value) - before[1], float(point.time - before[0])
        if self.non_negative and (change < 0 or passed < 0):
            return None
        return _with(point, self.name, change / (passed / self.unit))


def _with(point: Point, name: str, value: Value) -> Point:
    return point._replace(fields={**point.fields, name: value})
