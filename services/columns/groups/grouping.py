"""Giving frames their groups."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from services.columns.frame import Frame, GroupSorting
from services.columns.groups.series import NO_DIMENSIONS, Dimensions, Group, GroupArray, SeriesArray, SeriesTable
from services.pipeline.spec import STAR


def dimensions_of(tags: Iterable[str], by_name: bool, exclude: Iterable[str]) -> Dimensions:
    """What a script's groupBy means. `tags` may hold STAR; `exclude` takes tags out again."""
    out = tuple(sorted(set(exclude)))
    names = set(tags)
    if STAR in names:
        return Dimensions((), by_name, True, out)
    return Dimensions(tuple(sorted(names.difference(out))), by_name)


def regroup(frame: Frame, dimensions: Dimensions, table: SeriesTable) -> Frame:
    """The frame under other dimensions. Frames that share their points share the work."""
    if dimensions == frame.dimensions == NO_DIMENSIONS:
        return frame
    points = frame.points
    sorting = points.memo(("grouped", dimensions), lambda: GroupSorting(table.groups_of(dimensions)[points.series]))
    return Frame(points, sorting.group, dimensions, frame.origin, sorting)


def regrouped(frame: Frame, table: SeriesTable) -> Frame:
    """The frame with its groups told anew after its points' tags have changed.

    Points stay grouped by the tags that they were grouped by: what a group by * has come to is not widened.
    """
    group = group_again(frame.group, frame.points.series, table)
    return Frame(frame.points, group, frame.dimensions, frame.origin)


def group_again(group: GroupArray, series: SeriesArray, table: SeriesTable) -> GroupArray:
    """The groups that points of these series fall into by the tags that they were grouped by: int32[n]."""
    pairs, where = np.unique(np.stack([group, series]), axis=1, return_inverse=True)
    numbers = []
    for old, number in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
        was, now = table.group(old), table.series(number)
        tags = dict(now.tags)
        name = now.name if was.by_name else ""
        numbers.append(table.group_number(Group(tuple((k, tags.get(k, "")) for k, _ in was.tags), name, was.by_name)))
    return np.array(numbers, dtype=np.int32)[where.reshape(-1)]
