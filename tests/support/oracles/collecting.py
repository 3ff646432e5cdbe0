"""Nodes that put the points of one time together: flatten and combine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby

from tests.support.graph import Batch, Point
from tests.support.oracles.oracle import group_tags, points_of, rounded
from tests.support.oracles.passing import Condition


class Collecting:
    """Holds a group's points until one of another (rounded) time comes. What it makes has the first point's name."""

    def __init__(self, tolerance: int) -> None:
        self.tolerance = tolerance
        self.name = ""
        self.held: list[Point] = []

    def together(self, points: Sequence[Point]) -> Iterator[Point]:
        """What some points of one time, at least one, come to."""
        raise NotImplementedError

    def point(self, point: Point) -> Iterable[Point]:
        self.name = self.name or point.name
        point = point._replace(time=rounded(point.time, self.tolerance), name=self.name)
        done: list[Point] = []
        if self.held and self.held[0].time != point.time:
            done, self.held = self.held, []
        self.held.append(point)
        return list(self.together(done)) if done else []

    def runs(self, batch: Batch) -> list[list[Point]]:
        """The points of a batch, apart where the time changes."""
        points = [p._replace(time=rounded(p.time, self.tolerance)) for p in points_of(batch)]
        return [list(run) for _, run in groupby(points, key=lambda p: p.time)]


class Flatten(Collecting):
    """One point of all, its fields named after tags. A point that lacks one of the tags is left out.

    In a batch the last point leaves even if it has no fields; others never do. What Kapacitor leaves of a name in front
    of the next one where the second tag is missing does not show.
    """

    def __init__(
        self, dimensions: Sequence[str], on: Sequence[str], delimiter: str, tolerance: int, tags_alone: bool
    ) -> None:
        super().__init__(tolerance)
        self.dimensions, self.on, self.delimiter, self.tags_alone = dimensions, on, delimiter, tags_alone

    def together(self, points: Sequence[Point]) -> Iterator[Point]:
        found = self._flat(points)
        if found.fields:
            yield found

    def batch(self, batch: Batch) -> Iterable[Batch]:
        flat = [self._flat(run) for run in self.runs(batch)]
        kept = [(p.tags, p.time, p.fields) for p in flat if p.fields or p is flat[-1]]
        return [batch._replace(points=kept)]

    def _flat(self, points: Sequence[Point]) -> Point:
        fields = {}
        for point in points:
            if all(tag in point.tags for tag in self.on):
                prefix = [point.tags[tag] for tag in self.on]
                for name, value in point.fields.items():
                    fields[self.delimiter.join(prefix if self.tags_alone else [*prefix, name])] = value
        first = points[0]
        return first._replace(tags=group_tags(first, self.dimensions), fields=fields)


class Combine(Collecting):
    """A point of each choice of as many points as there are conditions, in which each condition finds a point.

    Each takes the first of the choice that it holds for and none before has taken.
    """

    def __init__(
        self,
        dimensions: Sequence[str],
        conditions: Sequence[Condition],
        names: Sequence[str],
        delimiter: str,
        tolerance: int,
    ) -> None:
        super().__init__(tolerance)
        self.dimensions, self.conditions, self.names, self.delimiter = dimensions, conditions, names, delimiter

    def together(self, points: Sequence[Point]) -> Iterator[Point]:
        for choice in combinations(points, len(self.conditions)):
            chosen = self._assigned(list(choice))
            if chosen is not None:
                yield self._merged(chosen)

    def batch(self, batch: Batch) -> Iterable[Point]:
        return [point for run in self.runs(batch) for point in self.together(run)]

    def _assigned(self, left: list[Point]) -> list[Point] | None:
        chosen = []
        for condition in self.conditions:
            place = next((i for i, point in enumerate(left) if condition(point)), None)
            if place is None:
                return None
            chosen.append(left.pop(place))
        return chosen

    def _merged(self, chosen: list[Point]) -> Point:
        fields, tags = {}, {}
        for name, point in zip(self.names, chosen, strict=True):
            fields |= {f"{name}{self.delimiter}{field}": value for field, value in point.fields.items()}
            for tag, value in point.tags.items():
                tags[tag if tag in self.dimensions else f"{name}{self.delimiter}{tag}"] = value
        return chosen[0]._replace(tags=tags, fields=fields)
