"""Other tags for points: the series that they then belong to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.engine.column import BoolArray, Column
from services.engine.series import Series, SeriesArray, SeriesTable


def with_tags(
    series: SeriesArray, values: Mapping[str, Column], table: SeriesTable, rows: BoolArray | None = None
) -> SeriesArray:
    """The series of points whose tags are set to these string columns; only `rows` (bool[n]; None: all) change.

    Each distinct (series, values) is looked up once.
    """
    out = series.copy()
    chosen = np.arange(len(series)) if rows is None else np.flatnonzero(rows)
    columns = [c.values[chosen].tolist() for c in values.values()]
    known: dict[tuple[object, ...], int] = {}
    for row, key in zip(chosen.tolist(), zip(series[chosen].tolist(), *columns, strict=True), strict=True):
        number = known.get(key)
        if number is None:
            old = table.series(key[0])
            tags = {**dict(old.tags), **dict(zip(values, map(str, key[1:]), strict=True))}
            number = known[key] = table.number(
                Series(old.database, old.retention_policy, old.name, tuple(sorted(tags.items())))
            )
        out[row] = number
    return out
