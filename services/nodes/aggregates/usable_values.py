"""Which rows of a field a function can use, and of what type, segment by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Kind, Rows, kind_of
from services.columns.segments import is_first

GO_NAMES = {
    Kind.FLOAT: "float64",
    Kind.INT: "int64",
    Kind.STRING: "string",
    Kind.BOOL: "bool",
    Kind.DURATION: "time.Duration",
    Kind.TIME: "time.Time",
}
KINDS = list(Kind)
UNKNOWN = -1
"""In place of an index into KINDS: a segment whose type is not fixed yet."""

DTYPES: dict[Kind, Any] = {Kind.FLOAT: np.float64, Kind.INT: np.int64, Kind.BOOL: np.bool_, Kind.STRING: np.object_}

NUMBERS = (Kind.FLOAT, Kind.INT)
ALL = (Kind.FLOAT, Kind.INT, Kind.STRING, Kind.BOOL)


@dataclass(frozen=True, slots=True)
class Segments:
    """Values of one kind in runs that belong together (a batch; a group), end to end; no run is empty.

    values: array[n] of `kind`. time: int64[n]. rows: intp[n], the points they are of. starts: intp[k], where each run
    begins. number: intp[k], which batch (or group) each run is; ascending.
    """

    kind: Kind
    values: NDArray[Any]
    time: IntArray
    rows: Rows
    starts: Rows
    number: Rows

    @property
    def ends(self) -> Rows:
        """Where each run ends: intp[k]."""
        return np.append(self.starts[1:], len(self.values))

    @property
    def lengths(self) -> Rows:
        """Values per run: intp[k]."""
        return np.diff(self.starts, append=len(self.values))

    def run_of_value(self) -> Rows:
        """For each value the index of its run: intp[n]."""
        return np.repeat(np.arange(len(self.starts), dtype=np.intp), self.lengths)


@dataclass(frozen=True, slots=True)
class UnusableRows:
    """How many rows could not be used for one reason."""

    count: int
    reason: str


def usable_values(
    column: Column | None,
    time: IntArray,
    rows: Rows,
    segment: Rows,
    accepted: Sequence[Kind],
    method: str,
    field: str,
    begun: IntArray | None = None,
) -> tuple[list[Segments], list[UnusableRows]]:
    """The rows of `column` that can be used, apart by type.

    rows: intp[n], row numbers in order of segments; segment: intp[n], the number of each one's segment, ascending.
    The first accepted value fixes a segment's type; others are refused from then on, and nulls always. begun: by
    segment number, an index into KINDS where the type was fixed before, or UNKNOWN; it is brought forward here.
    """
    if column is None or not len(rows):
        return [], [UnusableRows(len(rows), f'field "{field}" missing from point')] if len(rows) else []
    refused: list[UnusableRows] = []
    if column.valid is not None:
        there = column.valid[rows]
        if not there.all():
            missing = len(rows) - int(np.count_nonzero(there))
            refused.append(UnusableRows(missing, f'field "{field}" missing from point'))
            rows, segment = rows[there], segment[there]
    if column.kind is not Kind.MIXED:
        kind = KINDS.index(column.kind)
        if column.kind not in accepted or not len(rows):
            return [], refused + _not_accepted(np.full(len(rows), kind, dtype=np.int64), method, field)
        if begun is None or _all_of(kind, segment, begun):
            return [_segments(column, column.kind, time, rows, segment)], refused
        kinds = np.full(len(rows), kind, dtype=np.int64)
    else:
        known = column.known()[rows]
        if not known.all():
            refused.append(UnusableRows(len(rows) - int(np.count_nonzero(known)), f'field "{field}" is null'))
            rows, segment = rows[known], segment[known]
        kinds = np.fromiter((KINDS.index(kind_of(column.values[r])) for r in rows.tolist()), np.int64, len(rows))
    chosen = np.isin(kinds, [KINDS.index(k) for k in accepted])
    refused += _not_accepted(kinds[~chosen], method, field)
    rows, segment, kinds = rows[chosen], segment[chosen], kinds[chosen]
    if not len(rows):
        return [], refused
    wanted = _fixed(kinds, segment, begun)
    fits = kinds == wanted
    refused += [
        UnusableRows(
            int(np.count_nonzero((kinds == k) & ~fits)), f"field {field} has wrong type: got {GO_NAMES[KINDS[k]]}"
        )
        for k in np.unique(kinds[~fits]).tolist()
    ]
    found = []
    for k in np.unique(wanted[fits]).tolist():
        mine = fits & (kinds == k)
        found.append(_segments(column, KINDS[k], time, rows[mine], segment[mine]))
    return found, refused


def _not_accepted(kinds: IntArray, method: str, field: str) -> list[UnusableRows]:
    return [
        UnusableRows(
            int(np.count_nonzero(kinds == k)),
            f"invalid influxql func {method} with field {field}: cannot apply {method} to {GO_NAMES[KINDS[k]]} field",
        )
        for k in np.unique(kinds).tolist()
    ]


def kinds_state(kinds: IntArray) -> list[Any]:
    """Indexes into KINDS, or UNKNOWN, as plain data: by the names of the types, which may come to stand otherwise."""
    return [[kind.value for kind in KINDS], kinds.astype(np.int8)]


def kinds_from_state(state: Sequence[Any]) -> IntArray:
    """What `kinds_state` gave."""
    names, kinds = state
    now = np.array([*(KINDS.index(Kind(name)) for name in names), UNKNOWN], dtype=np.int64)
    found: IntArray = now[kinds]
    return found


def _all_of(kind: int, segment: Rows, begun: IntArray) -> bool:
    """Whether all of these segments are of this type or of none yet; if so, it is theirs from here on."""
    fixed = begun[segment]
    if not ((fixed == kind) | (fixed == UNKNOWN)).all():
        return False
    begun[segment] = kind
    return True


def _fixed(kinds: IntArray, segment: Rows, begun: IntArray | None) -> IntArray:
    """For each row the type of its segment."""
    first = is_first(segment)
    run = np.cumsum(first) - 1
    fixed = kinds[first].copy()
    if begun is not None:
        numbers = segment[first]
        known = begun[numbers] != UNKNOWN
        fixed[known] = begun[numbers][known]
        begun[numbers] = fixed
    wanted: IntArray = fixed[run]
    return wanted


def _segments(column: Column, kind: Kind, time: IntArray, rows: Rows, segment: Rows) -> Segments:
    whole = len(rows) == len(column) and bool((rows == np.arange(len(rows))).all())
    values = column.values if whole else column.values[rows]
    if column.kind is Kind.MIXED:
        values = values.astype(DTYPES[kind])
    first: BoolArray = is_first(segment)
    starts = np.flatnonzero(first)
    return Segments(kind, values, time if whole else time[rows], rows, starts, segment[starts])
