"""What a function sends back, as frames and batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray, Value
from services.columns.frame import Batches, Frame, Message, points_of
from services.columns.groups.series import Dimensions, Group, Series, SeriesTable

Tags = tuple[tuple[str, str], ...]


class UdfBatch:
    """A batch that a function has sent: its BeginBatch and points, and its EndBatch once that has come."""

    __slots__ = ("begin", "end", "points")

    def __init__(self, begin: Any) -> None:
        self.begin = begin
        self.points: list[Any] = []
        self.end: Any = None


def frames(points: Sequence[Any], origins: Sequence[int], given: Dimensions, table: SeriesTable) -> list[Message]:
    """Points of a stream, as frames of points that are grouped alike.

    Points are grouped by the dimensions that they say. given: those that the function's input has; points that keep
    to what a group by * comes to for them are grouped by * still.
    """
    cuts: list[int] = []
    dimensions: list[Dimensions] = []
    series, groups = [], []
    known: dict[tuple[Any, ...], tuple[int, int, Dimensions]] = {}
    for i, p in enumerate(points):
        key = (p.database, p.retentionPolicy, p.name, p.byName, *p.dimensions, None, *p.tags.items())
        found = known.get(key)
        if found is None:
            found = known[key] = _belongs(p, given, table)
        series.append(found[0])
        groups.append(found[1])
        if not dimensions or dimensions[-1] != found[2]:
            cuts.append(i)
            dimensions.append(found[2])
    out: list[Message] = []
    for begin, end, own in zip(cuts, [*cuts[1:], len(points)], dimensions, strict=True):
        part = points[begin:end]
        made = points_of([p.time for p in part], series[begin:end], [fields_of(p) for p in part])
        numbers = np.array(groups[begin:end], dtype=np.int32)
        out.append(Frame(made, numbers, own, np.array(origins[begin:end], dtype=np.int64)))
    return out


def _belongs(point: Any, given: Dimensions, table: SeriesTable) -> tuple[int, int, Dimensions]:
    """The series and group of a point, and what it is grouped by."""
    tags, names = dict(point.tags), tuple(sorted(point.dimensions))
    series = Series(point.database, point.retentionPolicy, point.name, tuple(sorted(tags.items())))
    group = Group(tuple((k, tags.get(k, "")) for k in names), point.name if point.byName else "", point.byName)
    own = Dimensions(names, point.byName)
    if given.star and given.by_name == point.byName and names == tuple(sorted(tags.keys() - set(given.exclude))):
        own = given
    return table.number(series), table.group_number(group), own


def batches(
    sent: Sequence[UdfBatch], origins: Sequence[int], given: Dimensions, place: tuple[str, str], table: SeriesTable
) -> list[Message]:
    """Batches. Their tags are what they are grouped by.

    place: the database and retention policy of their points, of which the protocol says nothing for batches.
    """
    out: list[Message] = []
    begin = 0
    kinds = [_batch_dimensions(b, given) for b in sent]
    for end in range(1, len(sent) + 1):
        if end == len(sent) or kinds[end] != kinds[begin]:
            out.append(_batches(sent[begin:end], origins[begin:end], kinds[begin], place, table))
            begin = end
    return out


def _batches(
    sent: Sequence[UdfBatch], origins: Sequence[int], dimensions: Dimensions, place: tuple[str, str], table: SeriesTable
) -> Batches:
    names = [b.end.name for b in sent]
    groups = [
        table.group_number(Group(_tags(b.end), name if b.begin.byName else "", b.begin.byName))
        for b, name in zip(sent, names, strict=True)
    ]
    series = [
        table.number(Series(*place, name, _tags(p))) for b, name in zip(sent, names, strict=True) for p in b.points
    ]
    points = [p for b in sent for p in b.points]
    offsets: IntArray = np.cumsum([0, *(len(b.points) for b in sent)])
    return Batches(
        points_of([p.time for p in points], series, [fields_of(p) for p in points]),
        offsets.astype(np.intp),
        np.array(groups, dtype=np.int32),
        names,
        np.array([b.end.tmax for b in sent], dtype=np.int64),
        dimensions,
        np.array(origins, dtype=np.int64),
    )


def _batch_dimensions(batch: UdfBatch, given: Dimensions) -> Dimensions:
    own = Dimensions(tuple(sorted(batch.end.tags)), batch.begin.byName)
    return given if given.star and given.by_name == own.by_name else own


def _tags(message: Any) -> Tags:
    return tuple(sorted(message.tags.items()))


def fields_of(point: Any) -> dict[str, Value]:
    """A point's fields. Of fields with one name and several types, a bool counts before a float, an int, a string."""
    fields: dict[str, Value] = dict(point.fieldsString)
    fields.update(point.fieldsInt)
    fields.update(point.fieldsDouble)
    fields.update(point.fieldsBool)
    return fields
