"""What flows along an edge as plain data, as JSON has it: for people and their programs to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from grammar.golang.times import format_rfc3339
from grammar.gotemplate import Time as TemplateTime
from services.columns.column import Duration
from services.columns.column import Time as ColumnTime
from services.columns.frame import NO_TIME, Barriers, Batches, Frame, Message
from services.columns.groups.series import SeriesTable


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
    wanted = [i for i, group in enumerate(frame.group.tolist()) if groups is None or group in groups]
    for i in wanted:
        series = table.series(int(frame.points.series[i]))
        yield {
            "point": series.name,
            "group": table.group(int(frame.group[i])).id,
            "time": format_rfc3339(int(frame.points.time[i])),
            "tags": dict(series.tags),
            "fields": plain_fields(frame.points.fields(i)),
        }


def _batches(batches: Batches, table: SeriesTable, groups: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    for i, number in enumerate(batches.group.tolist()):
        if groups is not None and number not in groups:
            continue
        group = table.group(number)
        points = batches.points
        yield {
            "batch": batches.names[i],
            "group": group.id,
            "time": format_rfc3339(int(batches.tmax[i])),
            "tags": dict(group.tags),
            "points": [
                {
                    "time": format_rfc3339(int(points.time[row])),
                    "tags": dict(table.series(int(points.series[row])).tags),
                    "fields": plain_fields(points.fields(row)),
                }
                for row in range(int(batches.offsets[i]), int(batches.offsets[i + 1]))
            ],
        }


def _barriers(barriers: Barriers, table: SeriesTable, groups: frozenset[int] | None) -> Iterator[dict[str, Any]]:
    for number, time in zip(barriers.group.tolist(), barriers.time.tolist(), strict=True):
        if groups is None or number in groups:
            at = None if time == NO_TIME else format_rfc3339(time)
            yield {"barrier": "", "group": table.group(number).id, "time": at, "deletes": barriers.delete}


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: plain_value(value) for name, value in fields.items()}


def plain_value(value: Any) -> Any:
    """A field's value, or lists and dicts of such, as JSON has them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, ColumnTime):
        return format_rfc3339(int(value))
    if isinstance(value, Duration):
        return int(value)
    if isinstance(value, TemplateTime):
        return format_rfc3339(value.ns)
    if isinstance(value, Mapping):
        return {key: plain_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    return value
