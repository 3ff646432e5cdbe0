"""window, by time and by count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.support.graph import Batch, Point
from tests.support.oracles.oracle import truncated


class TimeWindow:
    """window().period().every(). It begins with a group's first point or barrier.

    Points are let go from the front only, up to the first that is not too old; Kapacitor's ring buffer now and then
    loses others as well.
    """

    def __init__(self, period: int, every: int, align: bool = False, fill: bool = False) -> None:
        self.period, self.every, self.align, self.fill = period, every, align, fill
        self.points: list[Point] = []
        self.next: int | None = None
        self.name = ""

    def point(self, point: Point) -> Iterable[Batch]:
        self._begin(point.name, point.time)
        if not self.every:
            self.points.append(point)
        yield from self._closed(point.group, point.time)
        if self.every:
            self.points.append(point)

    def batch(self, batch: Batch) -> Iterable[Batch]:
        raise AssertionError("window does not support batch data")

    def barrier(self, group: str, time: int) -> Iterable[Batch]:
        """A barrier of this time comes."""
        self._begin("barrier", time)
        yield from self._closed(group, time)

    def _begin(self, name: str, time: int) -> None:
        if self.next is None:
            self.name, self.next = name, self._first(time)

    def _first(self, time: int) -> int:
        edge = time + (self.period if self.fill else self.every)
        if not self.align:
            return edge
        aligned = truncated(edge, self.every)
        return aligned + self.every if self.fill and aligned <= edge else aligned

    def _closed(self, group: str, time: int) -> Iterator[Batch]:
        """At most one window leaves, however long nothing came. By time it is [oldest, edge), with every(0s) (oldest,
        edge]."""
        assert self.next is not None
        if time < self.next:
            return
        edge = self.next if self.every else time
        oldest = edge - self.period + (0 if self.every else 1)
        while self.points and self.points[0].time < oldest:
            self.points.pop(0)
        yield _window(self.name, group, edge, self.points)
        self.next = truncated(time + self.every, self.every if self.align else 0)


class CountWindow:
    """window().periodCount().everyCount()."""

    def __init__(self, period: int, every: int, fill: bool = False) -> None:
        self.period, self.every = period, every
        self.next = period if fill else every
        self.points: list[Point] = []

    def point(self, point: Point) -> Iterable[Batch]:
        self.points.append(point)
        if len(self.points) == self.next:
            self.next += self.every
            yield _window(self.points[0].name, point.group, point.time, self.points[-self.period :])

    def batch(self, batch: Batch) -> Iterable[Batch]:
        raise AssertionError("window does not support batch data")


def _window(name: str, group: str, time: int, points: list[Point]) -> Batch:
    """Grouped by single tags: the group's tags are those of its id."""
    tags = dict(pair.split("=", 1) for pair in group.split(","))
    return Batch(name, group, tags, time, [(p.tags, p.time, p.fields) for p in points], ())
