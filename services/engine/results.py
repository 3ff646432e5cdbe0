"""What InfluxDB answers to a query, as batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.engine.column import Column, column_of, concat
from services.engine.frame import Batches, Points
from services.engine.series import Dimensions, Group, Series, SeriesTable


def batches_of(
    answer: Sequence[Mapping[str, Any]], table: SeriesTable, by_name: bool, stop: int, by_time: bool
) -> Batches | None:
    """A batch for each series of an answer (name, tags, columns, values; times in ns); None where there is none.

    Every number is a float, a null is a field that is not there, and a row of nulls no point. A batch's time is
    `stop`, or with `by_time` its latest point's. Its group is its tags, and with `by_name` its name too.
    """
    if not answer:
        return None
    times, series, lengths, tmax, groups = [], [], [], [], []
    columns: list[dict[str, Column]] = []
    for one in answer:
        time, fields = _points(one)
        tags = tuple(sorted((one.get("tags") or {}).items()))
        times.append(time)
        columns.append(fields)
        lengths.append(len(time))
        series.append(np.full(len(time), table.number(Series("", "", one["name"], tags)), dtype=np.int32))
        groups.append(table.group_number(Group(tags, one["name"] if by_name else "", by_name)))
        tmax.append(int(time.max()) if by_time and len(time) else stop)
    names = sorted({name for fields in columns for name in fields})
    points = Points(
        np.concatenate(times),
        np.concatenate(series),
        {name: concat([fields.get(name) for fields in columns], lengths) for name in names},
    )
    dimensions = Dimensions(tuple(sorted(answer[0].get("tags") or {})), by_name)
    return Batches(
        points,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
        np.array(groups, dtype=np.int32),
        [one["name"] for one in answer],
        np.array(tmax, dtype=np.int64),
        dimensions,
        np.zeros(len(answer), dtype=np.int64),
    )


def _points(series: Mapping[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.int64]], dict[str, Column]]:
    """The times of the rows that hold a value, and their fields."""
    names: list[str] = series["columns"]
    by_column = list(zip(*series.get("values") or (), strict=True)) or [()] * len(names)
    time = np.zeros(0, dtype=np.int64)
    fields: dict[str, Column] = {}
    for name, values in zip(names, by_column, strict=True):
        if name == "time":
            time = np.array(values, dtype=np.int64)
        else:
            fields[name] = _column(values)
    some = np.zeros(len(time), dtype=np.bool_)
    for column in fields.values():
        some |= column.mask()
    if not some.all():
        fields = {name: column.take(some) for name, column in fields.items()}
    return time[some], {name: column for name, column in fields.items() if column.mask().any()}


def _column(values: Sequence[Any]) -> Column:
    return column_of([float(v) if type(v) is int else v for v in values])
