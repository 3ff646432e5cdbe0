"""What an oracle is, and how what it foretells is held against what a node has given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from tests.support.graph import Batch, Given, Point

YEAR_1 = 62_135_596_800 * 10**9
"""From the year 1, which Go counts multiples of durations from, to 1970: ns."""


class Oracle(Protocol):
    """A node as one group sees it."""

    def point(self, point: Point) -> Iterable[Given]:
        """What leaves when a point comes on a stream."""

    def batch(self, batch: Batch) -> Iterable[Given]:
        """What leaves when a batch comes."""


def foretold(oracle: Callable[[], Oracle], came: Sequence[Given]) -> list[Given]:
    """What a node must give of all that came to it, in order. oracle: makes that of a new group."""
    groups: dict[str, Oracle] = {}
    out: list[Given] = []
    for one in came:
        if one.group not in groups:
            groups[one.group] = oracle()
        if isinstance(one, Batch):
            out += groups[one.group].batch(one)
        else:
            assert isinstance(one, Point)
            out += groups[one.group].point(one)
    return out


def shown(given: Sequence[Given], digits: int = 17) -> list[str]:
    """What was given, as texts that are equal where name, group, tags, time, fields and their types are.

    digits: how many of a float's count.
    """
    return [_shown(one, digits) for one in given]


def points_of(batch: Batch) -> list[Point]:
    """The points of a batch, as if they came on a stream."""
    return [Point(batch.name, batch.group, *point, ()) for point in batch.points]


def group_tags(point: Point, dimensions: Sequence[str]) -> dict[str, str]:
    """The tags of a point's group: of a missing one that it is empty."""
    return {name: point.tags.get(name, "") for name in dimensions}


def truncated(time: int, unit: int) -> int:
    """Go's Time.Truncate: the last multiple of a duration since the year 1."""
    return time - (time + YEAR_1) % unit if unit else time


def rounded(time: int, unit: int) -> int:
    """Go's Time.Round: the nearest multiple, the later one half-way."""
    return truncated(time + unit // 2, unit) if unit else time


def _shown(one: Given, digits: int) -> str:
    if isinstance(one, Batch):
        rows = [(sorted(tags.items()), time, _fields(fields, digits)) for tags, time, fields in one.points]
        return repr((one.name, one.group, sorted(one.tags.items()), one.time, rows))
    assert isinstance(one, Point)
    return repr((one.name, one.group, sorted(one.tags.items()), one.time, _fields(one.fields, digits)))


def _fields(fields: dict[str, Any], digits: int) -> list[tuple[str, Any]]:
    return [(k, f"float {v:.{digits}g}" if type(v) is float else v) for k, v in sorted(fields.items())]
