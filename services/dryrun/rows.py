"""What flows along an edge as plain data, as JSON has it: for people and their programs to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from grammar.gotemplate import Time as TemplateTime
from services.columns.column import IntArray, Kind
from services.columns.frame import NO_TIME, Barriers, Batches, Frame, Message, Points
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import plain_value

_FEW = 8  # of which each by itself is faster
_PLAIN = (Kind.INT, Kind.STRING, Kind.BOOL)


def rows_of(message: Message, table: SeriesTable, groups: frozenset[int] | None = None) -> Iterator[dict[str, Any]]:
    """Each point, batch or barrier of a message that is of one of some groups (numbers; None: all), in order.

    A point:   {"point": measurement, "group", "time", "tags", "fields"}
    a batch:   {"batch": measurement, "group", "time" (tmax), "tags", "points": [{"time", "tags", "fields"}]}
    a barrier: {"barrier": "", "group", "time" or null, "deletes": bool}
    with the group's id as the reference writes it, times in RFC 3339, and of fields JSON's values: durations in ns,
    and for what JSON has no number a text: "NaN", "+Inf", "-Inf".
    """
    if isinstance(message, Frame):
        yield from _points(message, table, groups)
    elif isinstance(message, Batches):
        yield from _batches(message, table, groups)
    else:
        yield from _barriers(message, table, groups)


def _points(frame: Frame, table: SeriesTable, groups: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    if groups is not None:
        frame = frame.take(np.flatnonzero(np.isin(frame.group, list(groups))))
    points = frame.points
    numbers = zip(points.series.tolist(), frame.group.tolist(), strict=True)
    for (number, group), time, fields in zip(numbers, _times(points.time), plain_rows(points), strict=True):
        series = table.series(number)
        yield {
            "point": series.name,
            "group": table.group(group).id,
            "time": time,
            "tags": dict(series.tags),
            "fields": fields,
        }


def _batches(batches: Batches, table: SeriesTable, groups: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    if groups is not None:
        batches = batches.select(np.flatnonzero(np.isin(batches.group, list(groups))))
    points = batches.points
    of = zip(_times(points.time), points.series.tolist(), plain_rows(points), strict=True)
    rows = [{"time": time, "tags": dict(table.series(number).tags), "fields": fields} for time, number, fields in of]
    bounds, times = batches.offsets.tolist(), _times(batches.tmax)
    for i, number in enumerate(batches.group.tolist()):
        group = table.group(number)
        yield {
            "batch": batches.names[i],
            "group": group.id,
            "time": times[i],
            "tags": dict(group.tags),
            "points": rows[bounds[i] : bounds[i + 1]],
        }


def _barriers(barriers: Barriers, table: SeriesTable, groups: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    for number, time in zip(barriers.group.tolist(), barriers.time.tolist(), strict=True):
        if groups is None or number in groups:
            at = None if time == NO_TIME else format_rfc3339(time)
            yield {"barrier": "", "group": table.group(number).id, "time": at, "deletes": barriers.delete}


def plain_rows(points: Points) -> list[dict[str, Any]]:
    """The fields of each point, by sorted name, as JSON has them."""
    out: list[dict[str, Any]] = [{} for _ in range(len(points))]
    for name, column in points.columns().items():
        values = column.tolist()
        if column.kind not in _PLAIN and not (column.kind is Kind.FLOAT and np.isfinite(column.values).all()):
            values = [plain_value(value) for value in values]
        if column.valid is None:
            for fields, value in zip(out, values, strict=True):
                fields[name] = value
        else:
            for fields, value, there in zip(out, values, column.valid.tolist(), strict=True):
                if there:
                    fields[name] = value
    return out


def _times(times: IntArray) -> list[str]:
    """What format_rfc3339 makes of times (int64[n] ns)."""
    if len(times) < _FEW or int(times.min()) == NO_TIME:
        return [format_rfc3339(time) for time in times.tolist()]
    texts: list[str] = np.datetime_as_string(times.astype("datetime64[ns]"), unit="ns").tolist()
    return [text.rstrip("0").rstrip(".") + "Z" for text in texts]


def plain_data(value: Any) -> Any:
    """Values of fields and of templates, or lists and dicts of such, as JSON has them."""
    if isinstance(value, TemplateTime):
        return format_rfc3339(value.ns)
    if isinstance(value, Mapping):
        return {key: plain_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(one) for one in value]
    return plain_value(value)
