"""Points and values as plain data, as JSON has it, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.column import Duration, Time
from services.columns.frame import Batches, Points
from services.columns.groups.series import SeriesTable

MOST_POINTS = 200
"""Of a longer list its first and last are shown, so many in all."""


def shown_points(points: Points, table: SeriesTable) -> list[dict[str, Any]]:
    """Points as {"point": measurement, "time", "tags", "fields"}.

    Of many the first and the last, with {"left-out": how many} between them.
    """
    n, half = len(points), MOST_POINTS // 2
    if n <= MOST_POINTS:
        return _shown(points, table)
    first, last = (points.take(np.arange(lo, hi)) for lo, hi in ((0, half), (n - half, n)))
    return [*_shown(first, table), {"left-out": n - 2 * half}, *_shown(last, table)]


def shown_batches(batches: Batches, table: SeriesTable) -> list[dict[str, Any]]:
    """Batches as {"batch": measurement, "time" (tmax), "tags", "points" as shown_points has them}."""
    points = [batches.points.take(np.arange(lo, hi)) for lo, hi in pairwise(batches.offsets.tolist())]
    return [
        {
            "batch": name,
            "time": format_rfc3339(time),
            "tags": dict(table.group(group).tags),
            "points": shown_points(its, table),
        }
        for name, time, group, its in zip(
            batches.names, batches.tmax.tolist(), batches.group.tolist(), points, strict=True
        )
    ]


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: plain_value(value) for name, value in fields.items()}


def plain_value(value: Any) -> Any:
    """A value as JSON has it: times in RFC 3339, durations in ns; what JSON has no number for is a text: "NaN",
    "+Inf", "-Inf"."""
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, Time):
        return format_rfc3339(int(value))
    return int(value) if isinstance(value, Duration) else value


def _shown(points: Points, table: SeriesTable) -> list[dict[str, Any]]:
    every = zip(points.time.tolist(), map(table.series, points.series.tolist()), points.rows(), strict=True)
    return [
        {
            "point": series.name,
            "time": format_rfc3339(time),
            "tags": dict(series.tags),
            "fields": plain_fields(fields),
        }
        for time, series, fields in every
    ]
