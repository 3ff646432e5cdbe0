"""The InfluxQL functions, over batches and over the points of one time on a stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.columns.column import Value
from tests.support.graph import Batch, Given, Point
from tests.support.oracles.oracle import group_tags, points_of

NUMBERS = (int, float)
ANY = (int, float, str, bool)


@dataclass(frozen=True)
class Call:
    """A function as a script calls it: of which field, what the result is called, whether points keep their times."""

    field: str
    name: str
    point_times: bool = False
    dimensions: Sequence[str] = ()


def usable(points: Sequence[Point], field: str, types: Sequence[type]) -> list[Point]:
    """The points that have the field in the type of the first that has it in one of these types."""
    there = [p for p in points if type(p.fields.get(field)) in types]
    return [p for p in there if type(p.fields[field]) is type(there[0].fields[field])]


class Function:
    """A function of some points: those of a batch, or on a stream those of one time until another comes."""

    types: Sequence[type] = NUMBERS

    def __init__(self, call: Call) -> None:
        self.call = call
        self.held: list[Point] = []

    def of(self, batch: Batch, points: list[Point]) -> Iterable[Given]:
        """What a batch comes to. points: those that can be used."""
        raise NotImplementedError

    def point(self, point: Point) -> Iterable[Given]:
        done: list[Point] = []
        if self.held and self.held[0].time != point.time:
            done, self.held = self.held, []
        self.held.append(point)
        found = usable(done, self.call.field, self.types)
        return self.of(self._run(done[0]), found) if found else []

    def batch(self, batch: Batch) -> Iterable[Given]:
        return self.of(batch, usable(points_of(batch), self.call.field, self.types))

    def _run(self, first: Point) -> Batch:
        return Batch(first.name, first.group, group_tags(first, self.call.dimensions), first.time, [], ())


class Aggregate(Function):
    """A function whose result is a value: a point with it and the group's tags."""

    def __init__(
        self,
        call: Call,
        reduce: Callable[[list[Any]], Value],
        types: Sequence[type] = NUMBERS,
        of_nothing: Value | None = None,
        one_keeps_time: Sequence[type] = (),
    ) -> None:
        """of_nothing: of a batch without values; None: there is no result. one_keeps_time: the types of which a single
        value is handed on as the point that it was, as median and mode do."""
        super().__init__(call)
        self.reduce, self.types, self.of_nothing, self.one_keeps_time = reduce, types, of_nothing, one_keeps_time

    def of(self, batch: Batch, points: list[Point]) -> Iterable[Given]:
        values = [p.fields[self.call.field] for p in points]
        result = self.reduce(values) if values else self.of_nothing
        if result is not None:
            own = self.call.point_times and len(points) == 1 and type(values[0]) in self.one_keeps_time
            time = points[0].time if own else batch.time
            yield Point(batch.name, batch.group, batch.tags, time, {self.call.name: result}, ())


def mean(values: list[Any]) -> float:
    return float(total(values)) / len(values)


def total(values: list[Any]) -> Any:
    """One after another, as rounding shows."""
    found = type(values[0])(0)
    for value in values:
        found += value
    return found


def median(values: list[Any]) -> float:
    ordered, half = sorted(values), len(values) // 2
    if len(values) % 2:
        return float(ordered[half])
    return float(ordered[half - 1]) + (ordered[half] - ordered[half - 1]) / 2


def spread(values: list[Any]) -> Any:
    return max(values) - min(values)


def stddev(values: list[Any]) -> float:
    """Of a sample; 0 of one value."""
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else 0.0


class Mode(Aggregate):
    """The most frequent value. The smallest where each comes once.

    Of equally frequent ones the larger, if its first point is not later than the last one of the other.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call, lambda _: None, one_keeps_time=NUMBERS)  # type: ignore[arg-type, return-value]

    def of(self, batch: Batch, points: list[Point]) -> Iterable[Given]:
        self.reduce = lambda _: self._mode(points)
        return super().of(batch, points)

    def _mode(self, points: list[Point]) -> Value:
        times: dict[Any, list[int]] = {}
        for point in points:
            times.setdefault(point.fields[self.call.field], []).append(point.time)
        ordered = sorted(times)
        best = ordered[0]
        for value in ordered[1:]:
            # of the first value's points each counts, of the others' the first is not compared
            more = len(times[value]) > len(times[best])
            as_many = len(times[value]) == len(times[best]) and times[value][0] <= times[best][-1]
            if len(times[value]) > 1 and (more or as_many):
                best = value
        return best


class Selector(Function):
    """A function that chooses a point, which goes on whole, the field renamed."""

    def __init__(
        self,
        call: Call,
        choose: Callable[[list[tuple[int, Any]]], int | None],
        types: Sequence[type] = NUMBERS,
        keeps_time: Sequence[type] = NUMBERS,
    ) -> None:
        """choose: from times and values, which one. keeps_time: of which types the points keep their time if asked."""
        super().__init__(call)
        self.choose, self.types, self.keeps_time = choose, types, keeps_time

    def of(self, batch: Batch, points: list[Point]) -> Iterable[Given]:
        field, name = self.call.field, self.call.name
        chosen = self.choose([(p.time, p.fields[field]) for p in points]) if points else None
        if chosen is not None:
            point = points[chosen]
            own = self.call.point_times and type(point.fields[field]) in self.keeps_time
            fields = {name if k == field else k: v for k, v in point.fields.items() if k == field or k != name}
            yield point._replace(name=batch.name, time=point.time if own else batch.time, fields=fields, origin=())


def smallest(points: list[tuple[int, Any]]) -> int:
    """The earliest of the smallest, the first that came of these."""
    return min(range(len(points)), key=lambda i: (points[i][1], points[i][0]))


def largest(points: list[tuple[int, Any]]) -> int:
    """The earliest of the largest, the first that came of these."""
    return min(range(len(points)), key=lambda i: (-points[i][1], points[i][0]))


def first(points: list[tuple[int, Any]]) -> int:
    """Of several of the earliest time the largest, but of booleans false."""
    at = [i for i, (time, _) in enumerate(points) if time == min(points, key=lambda p: p[0])[0]]
    return min(at, key=lambda i: points[i][1]) if type(points[0][1]) is bool else max(at, key=lambda i: points[i][1])


def last(points: list[tuple[int, Any]]) -> int:
    """Of several of the latest time the largest."""
    at = [i for i, (time, _) in enumerate(points) if time == max(points, key=lambda p: p[0])[0]]
    return max(at, key=lambda i: points[i][1])


def percentile(percent: float) -> Callable[[list[tuple[int, Any]]], int | None]:
    """The value of the nearest rank, half up; nothing below the first."""

    def choose(points: list[tuple[int, Any]]) -> int | None:
        rank = math.floor(len(points) * percent / 100 + 0.5) - 1
        ordered = sorted(range(len(points)), key=lambda i: points[i][1])
        return ordered[rank] if 0 <= rank < len(points) else None

    return choose


class Choice(Function):
    """A function that makes a batch of some of the values; its time is that of the latest where that is later."""

    own_tags = False

    def chosen(self, points: list[Point]) -> list[Point]:
        """What goes into the batch, in order."""
        raise NotImplementedError

    def of(self, batch: Batch, points: list[Point]) -> Iterable[Given]:
        if not points:
            return
        rows: list[tuple[dict[str, str], int, dict[str, Value | None]]] = []
        for p in self.chosen(points):
            tags = {**batch.tags, **p.tags} if self.own_tags else batch.tags
            time = p.time if self.call.point_times else batch.time
            rows.append((tags, time, {self.call.name: p.fields[self.call.field]}))
        yield batch._replace(points=rows, time=max([batch.time, *(time for _, time, _ in rows)]), origin=())


class Distinct(Choice):
    """Each value once, in order of the time and value of its first point."""

    types = ANY

    def chosen(self, points: list[Point]) -> list[Point]:
        found: dict[Any, Point] = {}
        for point in points:
            found.setdefault(point.fields[self.call.field], point)
        return sorted(found.values(), key=lambda p: (p.time, p.fields[self.call.field]))


class Best(Choice):
    """top and bottom: the best values in order of time, earlier points before later ones of the same value.

    keys: tags or fields; only the best point of each combination of their values takes part.
    """

    own_tags = True

    def __init__(self, call: Call, num: int, sign: int, keys: Sequence[str] = ()) -> None:
        """sign: 1 for the largest, -1 for the smallest."""
        super().__init__(call)
        self.num, self.sign, self.keys = num, sign, keys

    def chosen(self, points: list[Point]) -> list[Point]:
        ranked = sorted(points, key=self._rank)
        seen: set[tuple[Any, ...]] = set()
        taking_part = []
        for point in ranked:
            key = tuple(point.fields.get(k, point.tags.get(k, "")) for k in self.keys)
            if not self.keys or key not in seen:
                taking_part.append(point)
            seen.add(key)
        return sorted(taking_part[: self.num], key=lambda p: p.time)

    def _rank(self, point: Point) -> tuple[Any, int]:
        value: Any = point.fields[self.call.field]
        return -self.sign * value, point.time


class Transformation:
    """A function that makes a point of each value and those before it: with the group's tags and the point's time.

    A point without a usable value has the last result go out again, if the function repeats.
    """

    types: Sequence[type] = NUMBERS
    repeats = True

    def __init__(self, call: Call) -> None:
        self.call = call
        self.name = ""
        self._begin()

    def result(self, points: list[Point]) -> Value | None:
        """Of the points up to now, in order of arrival, all of one type."""
        raise NotImplementedError

    def point(self, point: Point) -> Iterable[Point]:
        self.name = self.name or point.name
        tags = group_tags(point, self.call.dimensions)
        return [Point(self.name, point.group, tags, *out, ()) for out in self._next(point)]

    def batch(self, batch: Batch) -> Iterable[Batch]:
        self._begin()
        rows = [(batch.tags, *out) for point in points_of(batch) for out in self._next(point)]
        return [batch._replace(points=rows)]

    def values(self, points: Sequence[Point]) -> list[Any]:
        return [p.fields[self.call.field] for p in points]

    def _begin(self) -> None:
        self.seen: list[Point] = []
        self.last: list[tuple[int, dict[str, Value | None]]] = []

    def _next(self, point: Point) -> list[tuple[int, dict[str, Value | None]]]:
        if len(usable([*self.seen[:1], point], self.call.field, self.types)) == min(len(self.seen), 1):
            return self.last if self.repeats else []
        self.seen.append(point)
        result = self.result(self.seen)
        self.last = [] if result is None else [(point.time, {self.call.name: result})]
        return self.last


class Difference(Transformation):
    """The change since the value before; of points of one time that come in a row only the first counts."""

    repeats = False

    def result(self, points: list[Point]) -> Value | None:
        if len(points) < 2:
            return None
        if points[-2].time == points[-1].time:
            points.pop()
            return None
        before, now = self.values(points[-2:])
        found: Value = now - before
        return found


class Elapsed(Transformation):
    """The time since the point before, in whole units, cut off towards zero."""

    types = ANY

    def __init__(self, call: Call, unit: int) -> None:
        super().__init__(call)
        self.unit = unit

    def result(self, points: list[Point]) -> Value | None:
        if len(points) < 2:
            return None
        passed = points[-1].time - points[-2].time
        return passed // self.unit if passed >= 0 else -(-passed // self.unit)


class MovingAverage(Transformation):
    """The mean of the last values, a float; nothing before there are as many."""

    def __init__(self, call: Call, window: int) -> None:
        super().__init__(call)
        self.window = window

    def result(self, points: list[Point]) -> Value | None:
        if len(points) < self.window:
            return None
        return float(math.fsum(self.values(points[-self.window :])) / self.window)


class CumulativeSum(Transformation):
    """The sum of all values up to now."""

    def result(self, points: list[Point]) -> Value | None:
        found: Value = total(self.values(points))
        return found
