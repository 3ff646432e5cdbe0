"""Giving frames their groups."""

from __future__ import annotations

from collections.abc import Iterable

from services.engine.frame import Frame
from services.engine.series import NO_DIMENSIONS, Dimensions, SeriesTable
from services.pipeline.spec import STAR


def dimensions_of(tags: Iterable[str], by_name: bool, exclude: Iterable[str]) -> Dimensions:
    """What a script's groupBy means. `tags` may hold STAR; `exclude` takes tags out again."""
    out = tuple(sorted(set(exclude)))
    names = set(tags)
    if STAR in names:
        return Dimensions((), by_name, True, out)
    return Dimensions(tuple(sorted(names.difference(out))), by_name)


def regroup(frame: Frame, dimensions: Dimensions, table: SeriesTable) -> Frame:
    """The frame under other dimensions. Frames that share their points share the result."""

    def make() -> Frame:
        group = table.groups_of(dimensions)[frame.points.series]
        return Frame(frame.points, group, dimensions, frame.cause)

    if dimensions == frame.dimensions == NO_DIMENSIONS:
        return frame
    return frame.points.memo(("grouped", dimensions), make)


def regrouped(frame: Frame, table: SeriesTable) -> Frame:
    """The frame with its groups told anew under its own dimensions: after its tags have changed."""
    group = table.groups_of(frame.dimensions)[frame.points.series]
    return Frame(frame.points, group, frame.dimensions, frame.cause)
