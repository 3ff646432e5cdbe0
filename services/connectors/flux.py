"""What an InfluxDB answers to Flux, annotated CSV, as batches."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from grammar.golang.times import parse_rfc3339
from services.columns.column import Time, Value, column_of
from services.connectors.influxdb import InfluxDBError
from services.connectors.influxdb_results import Batch

_TIME = "_time"
_NEVER_SHOWN = frozenset({"_measurement", "_start", "_stop"})
_LARGEST = 2**63 - 1
_LONGEST_CELL = 1 << 30


def batches(text: str, stop: int) -> list[Batch]:
    """A batch for each table that has a row. Raises InfluxDBError where it says that the query has failed, or is none.

    Its name is the table's _measurement, its tags are the other columns of the group key, its fields those that are
    not. A point's time is its _time, `stop` where it has none; a batch's time is its latest point's. A cell that is
    empty is a field that is not there, an empty text where it is of strings.
    """
    csv.field_size_limit(_LONGEST_CELL)
    try:
        return [batch for section in _sections(text) for batch in section.batches(stop)]
    except (csv.Error, ValueError, IndexError, OverflowError) as error:
        raise InfluxDBError(f"invalid response: {error}", again=False) from error


@dataclass
class _Section:
    """Tables of the same columns: what stands under one header. The first cell of each row belongs to annotations."""

    types: list[str]
    groups: list[str]
    defaults: list[str]
    names: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def batches(self, stop: int) -> Iterator[Batch]:
        """Each table as a batch. Raises InfluxDBError, ValueError."""
        if "error" in self.names[1:2]:
            raise InfluxDBError(f"flux query error: {self.rows[0][1] if self.rows else 'unknown'}", again=False)
        readers = self._readers()
        for _, rows in groupby(self.rows, key=lambda row: row[1:3]):
            batch = self._batch(list(rows), readers, stop)
            if len(batch):
                yield batch

    def _readers(self) -> dict[int, Callable[[str], Value | None]]:
        """How the cells of each column of fields are read."""
        return {
            i: _reader(self.types[i] if i < len(self.types) else "", name, self._default(i))
            for i, name in enumerate(self.names)
            if self._is_shown(i) and not self._is_tag(i) and name != _TIME
        }

    def _batch(self, rows: Sequence[list[str]], readers: dict[int, Callable[[str], Value | None]], stop: int) -> Batch:
        columns = {i: [read(row[i]) for row in rows] for i, read in readers.items()}
        some = [any(values[n] is not None for values in columns.values()) for n in range(len(rows))]
        kept = [n for n, is_point in enumerate(some) if is_point]
        at = self.names.index(_TIME) if _TIME in self.names else 0
        time = [self._time(rows[n][at], at, stop) if at else stop for n in kept]
        fields = {
            self.names[i]: column_of([values[n] for n in kept])
            for i, values in columns.items()
            if any(value is not None for value in values)
        }
        first = rows[0]
        tags = tuple(
            sorted(
                (name, first[i] or self._default(i))
                for i, name in enumerate(self.names)
                if self._is_shown(i) and self._is_tag(i) and name != _TIME
            )
        )
        measurement = self.names.index("_measurement") if "_measurement" in self.names else 0
        name = (first[measurement] or self._default(measurement)) if measurement else ""
        return Batch(name, tags, False, max(time, default=stop), np.array(time, dtype=np.int64), fields)

    def _time(self, cell: str, column: int, stop: int) -> int:
        text = cell or self._default(column)
        return parse_rfc3339(text) if text else stop

    def _is_shown(self, i: int) -> bool:
        """Not the first cell, nor the result's name and the table's number, nor what tells of the span."""
        return i > 0 and (i, self.names[i]) not in ((1, "result"), (2, "table")) and self.names[i] not in _NEVER_SHOWN

    def _is_tag(self, i: int) -> bool:
        return i < len(self.groups) and self.groups[i] == "true"

    def _default(self, i: int) -> str:
        return self.defaults[i] if i < len(self.defaults) else ""


def _sections(text: str) -> Iterator[_Section]:
    """An empty line, or annotations, end one."""
    annotations: dict[str, list[str]] = {}
    section: _Section | None = None
    for row in csv.reader(io.StringIO(text, newline="")):
        if not any(row):
            if section is not None:
                yield section
            section = None
        elif row[0].startswith("#"):
            if section is not None:
                yield section
                section = None
            annotations[row[0]] = row
        elif section is None:
            types, groups, defaults = (annotations.pop(f"#{name}", []) for name in ("datatype", "group", "default"))
            section = _Section(types, groups, defaults, row)
        else:
            section.rows.append(row)
    if section is not None:
        yield section


def _reader(datatype: str, name: str, default: str) -> Callable[[str], Value | None]:
    """What reads the cells of a column."""
    if datatype == "string":
        return lambda cell: cell or default
    read = _OTHERS.get(datatype)
    if read is None:
        raise InfluxDBError(f"column {name} has unknown data type {datatype}", again=False)
    return lambda cell: read(cell or default) if cell or default else None


def _unsigned(cell: str) -> int | float:
    number = int(cell)
    return number if number <= _LARGEST else float(number)


_OTHERS: dict[str, Callable[[str], Value]] = {
    "double": float,
    "long": int,
    "unsignedLong": _unsigned,
    "boolean": lambda cell: cell != "false",
    "dateTime": lambda cell: Time(parse_rfc3339(cell)),
    "dateTime:RFC3339": lambda cell: Time(parse_rfc3339(cell)),
    "dateTime:RFC3339Nano": lambda cell: Time(parse_rfc3339(cell)),
}
