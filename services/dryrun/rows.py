"""What flows along an edge as plain data, as JSON has it: for people and their programs to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grammar.golang.times import format_rfc3339
from services.columns.frame import NO_TIME, Barriers, Batches, Frame, Message
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import plain_fields as plain_fields


def rows_of(message: Message, table: SeriesTable, groups: frozenset[int] | None = None) -> Iterator[dict[str, Any]]:
    """Each point, batch or barrier of a message that is of one of some groups (numbers; None: all), in order.

    A point:   {"point": measurement, "group", "time", "tags", "fields"}
    a batch:   {"batch": measurement, "group", "time" (tmax), "tags", "points": [{"time", "tags", "fields"}]}
    a barrier: {"barrier": "", "group", "time" or null, "deletes": bool}
    with the group's id as the reference writes it, times in RFC 3339, and of fields JSON's values; what JSON has no
    number for is a text: "NaN", "+Inf", "-Inf".
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
