"""Points and batches as results: the JSON that InfluxDB answers queries with, which httpOut, posts and alerts show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grammar.golang.times import format_rfc3339
from services.columns.column import Value
from services.columns.frame import Batches, Points
from services.columns.groups.series import Series, SeriesTable

Row = dict[str, Any]
"""One series of a result: name, tags (left out if none), columns, values."""


def point_row(points: Points, row: int, table: SeriesTable) -> Row:
    """One point: all its own tags, time and its fields by sorted name."""
    return row_of_point(table.series(int(points.series[row])), int(points.time[row]), points.fields(row))


def row_of_point(series: Series, time: int, fields: Mapping[str, Value | None]) -> Row:
    """One point given as plain values."""
    out: Row = {"name": series.name}
    if series.tags:
        out["tags"] = dict(series.tags)
    out["columns"] = ["time", *sorted(fields)]
    out["values"] = [[format_rfc3339(time), *(fields[k] for k in sorted(fields))]]
    return out


def batch_row(batches: Batches, i: int, table: SeriesTable) -> Row:
    """One batch: its group's tags; columns by its first point, its fields and those tags that are no group tags.

    Fields of that name that later points lack are null; those that only later points have are not shown.
    """
    group = table.group(int(batches.group[i]))
    out: Row = {"name": batches.names[i]}
    if group.tags:
        out["tags"] = dict(group.tags)
    lo, hi = int(batches.offsets[i]), int(batches.offsets[i + 1])
    if lo == hi:
        return out
    points = batches.points
    columns = points.columns()
    own = dict(table.series(int(points.series[lo])).tags)
    tags = sorted(k for k in own if k not in dict(group.tags))
    names = sorted([k for k, c in columns.items() if c.valid is None or c.valid[lo]] + tags)
    cells: list[list[Any]] = [[format_rfc3339(t) for t in points.time[lo:hi].tolist()]]
    for name in names:
        column = columns.get(name)
        if column is not None and (column.valid is None or column.valid[lo]):
            cells.append(column.take(slice(lo, hi)).tolist())
        else:
            numbers = points.series[lo:hi].tolist()
            cells.append([dict(table.series(n).tags).get(name) for n in numbers])
    out["columns"] = ["time", *names]
    out["values"] = [list(row) for row in zip(*cells, strict=True)]
    return out
