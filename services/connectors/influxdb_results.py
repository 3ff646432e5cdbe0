"""What InfluxDB answers to a query, as batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from services.columns.column import Column, IntArray, Kind, column_of, concat
from services.columns.frame import Batches, Points
from services.columns.groups.series import Dimensions, Group, Series, SeriesTable, Tags
from services.connectors.influxdb import InfluxDBError

_CELLS = {int, float, str, bool, type(None)}

NO_TIME = -(2**63)
"""Stands for the time of a batch that has none."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch by itself: a series of an answer, or what a recording's file has of one.

    tags: sorted. by_name: grouped by the measurement too. tmax: its time, or NO_TIME. time: int64[n] of its points.
    own: the tags of each point where they are not the batch's.
    """

    name: str
    tags: Tags
    by_name: bool
    tmax: int
    time: IntArray
    fields: Mapping[str, Column]
    own: Sequence[Tags] | None = None

    def __len__(self) -> int:
        return len(self.time)


def batches_of(
    answer: Sequence[Mapping[str, Any]], table: SeriesTable, by_name: bool, stop: int, by_time: bool
) -> Batches | None:
    """A batch for each series of an answer (name, tags, columns, values; times in ns); None where there is none.

    Every number is a float, a null is a field that is not there, and a row of nulls no point. A batch's time is
    `stop`, or with `by_time` its latest point's. Its group is its tags, and with `by_name` its name too. Raises
    InfluxDBError for what are no series of points.
    """
    return together([batch_of(one, by_name, stop, by_time) for one in answer], table) if answer else None


def batch_of(series: Mapping[str, Any], by_name: bool, stop: int, by_time: bool) -> Batch:
    """The batch of one series; see `batches_of`. Raises InfluxDBError for what is no series of points."""
    try:
        time, fields = _points(series)
        tags = tuple(sorted((series.get("tags") or {}).items()))
        if not {type(text) for text in (series["name"], *fields, *itertools.chain(*tags))} <= {str}:
            raise TypeError("texts expected")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InfluxDBError(f"invalid response: a series that cannot be read: {error!r}", again=False) from error
    tmax = int(time.max()) if by_time and len(time) else stop
    return Batch(series["name"], tags, by_name, tmax, time, fields)


def joined(parts: Sequence[Batch]) -> Batch:
    """The parts of one batch, end to end; its time is the latest of those that have points."""
    if len(parts) == 1:
        return parts[0]
    tmax = max((part.tmax for part in parts if len(part)), default=parts[0].tmax)
    lengths = [len(part) for part in parts]
    names = sorted({name for part in parts for name in part.fields})
    fields = {name: concat([part.fields.get(name) for part in parts], lengths) for name in names}
    time = np.concatenate([part.time for part in parts])
    return replace(parts[0], tmax=tmax, time=time, fields=fields)


def alike(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Batches in runs that are grouped by the same tags."""
    for _, run in groupby(batches, key=lambda batch: (batch.by_name, [name for name, _ in batch.tags])):
        yield list(run)


def together(batches: Sequence[Batch], table: SeriesTable) -> Batches:
    """At least one batch, all grouped by the same tags, as they flow through a graph."""
    first = batches[0]
    lengths = [len(batch) for batch in batches]
    names = sorted({name for batch in batches for name in batch.fields})
    points = Points(
        np.concatenate([batch.time for batch in batches]),
        np.concatenate([_series(batch, table) for batch in batches]),
        {name: concat([batch.fields.get(name) for batch in batches], lengths) for name in names},
    )
    groups = [table.group_number(Group(b.tags, b.name if b.by_name else "", b.by_name)) for b in batches]
    return Batches(
        points,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
        np.array(groups, dtype=np.int32),
        [batch.name for batch in batches],
        np.array([batch.tmax for batch in batches], dtype=np.int64),
        Dimensions(tuple(name for name, _ in first.tags), first.by_name),
        np.zeros(len(batches), dtype=np.int64),
    )


def _series(batch: Batch, table: SeriesTable) -> np.ndarray[Any, np.dtype[np.int32]]:
    if batch.own is None:
        return np.full(len(batch), table.number(Series("", "", batch.name, batch.tags)), dtype=np.int32)
    return np.array([table.number(Series("", "", batch.name, tags)) for tags in batch.own], dtype=np.int32)


def _points(series: Mapping[str, Any]) -> tuple[IntArray, dict[str, Column]]:
    """The times of the rows that hold a value, and their fields."""
    names: list[str] = series["columns"]
    if "time" not in names:
        raise ValueError("no times")
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
    kinds = set(map(type, values))
    if not kinds <= _CELLS:
        raise TypeError("numbers, texts, booleans and nulls expected")
    if kinds and kinds <= {int, float, type(None)} and kinds != {type(None)}:
        # None becomes NaN
        numbers = np.array(values, dtype=np.float64)
        if type(None) not in kinds:
            return Column(Kind.FLOAT, numbers)
        valid = ~np.isnan(numbers)
        return Column(Kind.FLOAT, np.where(valid, numbers, 0.0), valid)
    return column_of([float(v) if type(v) is int else v for v in values])
