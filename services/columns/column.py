"""A column of field values: one numpy array of one kind, and which rows have the field at all."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.pipeline.spec import Duration as Duration

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]


class Time(int):
    """A TICKscript time: nanoseconds since 1970 UTC that keep their type."""


Value = float | int | str | bool | Duration | Time
"""A field's value as a Python object. `bool` is not an int here, and neither is `Duration` or `Time`."""


class Kind(enum.Enum):
    """What a column holds; the value is the word the reference uses for the type in messages."""

    FLOAT = "float"  # float64
    INT = "int"  # int64
    STRING = "string"  # object array of str
    BOOL = "bool"  # bool_
    DURATION = "duration"  # int64 ns
    TIME = "time"  # int64 ns since 1970
    MIXED = "mixed"  # object array of Value: rows of different types under one field name


DTYPES: dict[Kind, Any] = {
    Kind.FLOAT: np.float64,
    Kind.INT: np.int64,
    Kind.STRING: np.object_,
    Kind.BOOL: np.bool_,
    Kind.DURATION: np.int64,
    Kind.TIME: np.int64,
    Kind.MIXED: np.object_,
}


def kind_of(value: Value) -> Kind:
    """The kind of one Python value. Order matters: bool, Duration and Time are ints to Python."""
    if isinstance(value, bool | np.bool_):
        return Kind.BOOL
    if isinstance(value, Duration):
        return Kind.DURATION
    if isinstance(value, Time):
        return Kind.TIME
    if isinstance(value, float | np.floating):
        return Kind.FLOAT
    if isinstance(value, int | np.integer):
        return Kind.INT
    return Kind.STRING


_NULL: Any = None


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one field over n rows.

    values: array of shape (n,), dtype by `kind` (see DTYPES). What stands in rows without the field is
    unspecified (0, "" or None) and must not be read.
    valid: bool array of shape (n,), or None where every row has the field. A valid row of a MIXED column may hold None:
    a null, which is there (join fills with it) and goes out as one, and yet is no value. Whatever reckons with values
    takes it for missing: see `known`.
    """

    kind: Kind
    values: NDArray[Any]
    valid: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows | BoolArray | slice) -> Column:
        """The column over some rows, in the order given."""
        valid = None if self.valid is None else self.valid[rows]
        return Column(self.kind, self.values[rows], valid)

    def mask(self) -> BoolArray:
        """Which rows have the field, as an array always."""
        return np.ones(len(self.values), dtype=np.bool_) if self.valid is None else self.valid

    def known(self) -> BoolArray:
        """Which rows have a value: the field is there and is no null. An array always."""
        there = self.mask()
        return there & np.not_equal(self.values, _NULL) if self.kind is Kind.MIXED else there

    def value(self, row: int) -> Value | None:
        """One row's value as a Python object, None where the row lacks the field."""
        if self.valid is not None and not self.valid[row]:
            return None
        return _python(self.kind, self.values[row])

    def tolist(self) -> list[Value | None]:
        """All rows' values as Python objects, None where a row lacks the field."""
        raw: list[Any] = self.values.tolist()
        if self.kind is Kind.DURATION:
            raw = [Duration(v) for v in raw]
        elif self.kind is Kind.TIME:
            raw = [Time(v) for v in raw]
        if self.valid is not None:
            raw = [v if ok else None for v, ok in zip(raw, self.valid.tolist(), strict=True)]
        return raw


def _python(kind: Kind, value: Any) -> Value:
    if kind is Kind.FLOAT:
        return float(value)
    if kind is Kind.INT:
        return int(value)
    if kind is Kind.BOOL:
        return bool(value)
    if kind is Kind.DURATION:
        return Duration(value)
    if kind is Kind.TIME:
        return Time(value)
    result: Value = value
    return result


def column_of(values: Sequence[Value | None]) -> Column:
    """A column from Python values, None where a row lacks the field. One kind where all agree, else MIXED."""
    kinds = {kind_of(v) for v in values if v is not None}
    kind = kinds.pop() if len(kinds) == 1 else (Kind.MIXED if kinds else Kind.FLOAT)
    valid = None
    if any(v is None for v in values):
        valid = np.array([v is not None for v in values], dtype=np.bool_)
    array = np.zeros(len(values), dtype=DTYPES[kind])
    for i, v in enumerate(values):
        if v is not None:
            array[i] = v
    return Column(kind, array, valid)


def constant(value: Value, n: int) -> Column:
    """A column of n times one value."""
    kind = kind_of(value)
    array = np.empty(n, dtype=DTYPES[kind])
    array[:] = value
    return Column(kind, array)


def concat(columns: Sequence[Column | None], lengths: Sequence[int]) -> Column:
    """One column out of several, end to end; None stands for `lengths[i]` rows without the field."""
    kinds = {c.kind for c in columns if c is not None and (c.valid is None or c.valid.any())}
    kind = kinds.pop() if len(kinds) == 1 else (Kind.MIXED if kinds else Kind.FLOAT)
    n = sum(lengths)
    values = np.zeros(n, dtype=DTYPES[kind])
    valid: BoolArray | None = None
    if any(c is None or c.valid is not None for c in columns):
        valid = np.zeros(n, dtype=np.bool_)
    at = 0
    for column, length in zip(columns, lengths, strict=True):
        if column is not None:
            part = slice(at, at + length)
            if column.kind is kind:
                values[part] = column.values
            elif kind is Kind.MIXED:
                values[part] = np.fromiter(column.tolist(), dtype=np.object_, count=length)
            if valid is not None:
                valid[part] = column.mask()
        at += length
    if valid is not None and valid.all():
        valid = None
    return Column(kind, values, valid)


def over(under: Column | None, upper: Column | None) -> Column | None:
    """Two columns of as many rows as one, `upper` going first where both have the field; a null is one that it has."""
    if under is None or upper is None:
        return upper if under is None else under
    has = upper.mask()
    if not has.any():
        return under
    if under.kind is upper.kind and under.kind is not Kind.MIXED:
        return Column(under.kind, np.where(has, upper.values, under.values), _unless_all(has | under.mask()))
    values = np.full(len(has), None, dtype=np.object_)
    for column, rows in ((under, under.mask() & ~has), (upper, has)):
        chosen = np.flatnonzero(rows)
        values[chosen] = np.fromiter(column.take(chosen).tolist(), dtype=np.object_, count=len(chosen))
    return Column(Kind.MIXED, values, _unless_all(has | under.mask()))


def _unless_all(valid: BoolArray) -> BoolArray | None:
    return None if valid.all() else valid
