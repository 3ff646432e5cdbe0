"""Points and batches of several sources end to end, their columns still decoded only when asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from services.columns.column import Column, Rows, concat
from services.columns.frame import Batches, FieldSource, Points, concat_points
from services.columns.groups.series import NO_DIMENSIONS

# Columns asked for this part of the rows, or more, are put together for all of them.
_MOST = 0.5
_FEW_FIELDS = 64  # with so many a decoded point takes about as much as its text
_PARTS = 64  # how many decoded parts may lie apart


class _Stacked:
    """The fields of several parts, one part's rows after the other's; `order` (intp[n]) says in which order."""

    def __init__(self, parts: Sequence[Points], order: Rows | None = None) -> None:
        self._parts = parts
        self._lengths = [len(p) for p in parts]
        self._order = order
        self._columns: dict[str, Column | None] = {}

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        if rows is not None and len(rows) < _MOST * sum(self._lengths):
            return self._of_few(names, rows)
        for part in self._parts:
            part.expect(names)
        return [self._column(name, rows) for name in names]

    def _of_few(self, names: Sequence[str], rows: Rows) -> list[Column | None]:
        """Some columns over a few rows: nothing is decoded, nor copied, of the others."""
        if self._order is not None:
            rows = self._order[rows]
        order = None
        if len(rows) and (np.diff(rows) < 0).any():
            order = np.argsort(rows, kind="stable")
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            rows = rows[order]
        some = [part.take(mine) for part, mine in _shares(self._parts, rows) if len(mine)]
        lengths = [len(part) for part in some]
        for part in some:
            part.expect(names)
        found: list[Column | None] = []
        for name in names:
            columns = [part.column(name) for part in some]
            column = concat(columns, lengths) if any(c is not None for c in columns) else None
            found.append(column if column is None or order is None else column.take(back))
        return found

    def _column(self, name: str, rows: Rows | None) -> Column | None:
        if name not in self._columns:
            columns = [p.column(name) for p in self._parts]
            column = concat(columns, self._lengths) if any(c is not None for c in columns) else None
            self._columns[name] = column if column is None or self._order is None else column.take(self._order)
        column = self._columns[name]
        return column if column is None or rows is None else column.take(rows)

    def pick(self, rows: Rows) -> FieldSource:
        if self._order is not None:
            rows = self._order[rows]
        order = np.argsort(rows, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return _Stacked([part.picked(mine) for part, mine in _shares(self._parts, rows[order]) if len(mine)], back)

    def names(self, rows: Rows | None) -> list[str]:
        if rows is None:
            return sorted({name for p in self._parts for name in p.names()})
        if self._order is not None:
            rows = self._order[rows]
        shares = _shares(self._parts, np.sort(rows))
        return sorted({name for part, mine in shares if len(mine) for name in part.take(mine).names()})


def _shares(parts: Sequence[Points], rows: Rows) -> list[tuple[Points, Rows]]:
    """For each part those of the rows (ascending row numbers of the whole) that are its, as its own row numbers."""
    bounds = np.cumsum([0, *map(len, parts)])
    cuts = itertools.pairwise(np.searchsorted(rows, bounds).tolist())
    return [(part, rows[lo:hi] - base) for part, base, (lo, hi) in zip(parts, bounds.tolist(), cuts, strict=False)]


def stacked(parts: Sequence[Points]) -> Points:
    """Points end to end. Unlike `concat_points` it decodes no column."""
    parts = [p for p in parts if len(p)]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32))
    time = np.concatenate([p.time for p in parts])
    return Points(time, np.concatenate([p.series for p in parts]), None, _Stacked(parts))


class Stack:
    """Points that are added at the end and held until they are no longer wanted."""

    def __init__(self, points: Points | None = None) -> None:
        self._parts: list[Points] = [] if points is None or not len(points) else [points]
        self._fresh = len(self._parts)  # from here on parts still hold on to where they came from

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, points: Points) -> None:
        """More points. `keep` must be called before the next step."""
        self._parts.append(points)

    def points(self) -> Points:
        """All of them end to end."""
        return stacked(self._parts)

    def keep(self, rows: Rows, needed: frozenset[str] | None, *, decode: bool = False) -> None:
        """Hold only some (ascending row numbers) any longer; `needed`: with which fields, None for all.

        decode: where all are needed, as columns and not as text: for whoever asks for all columns of all points.
        """
        parts = []
        for i, (part, mine) in enumerate(_shares(self._parts, rows)):
            if len(mine) == len(part) and i < self._fresh:
                parts.append(part)
            elif len(mine) and needed is not None:
                parts.append(part.take(mine).detached(sorted(needed)))
            elif len(mine):
                if decode and i >= self._fresh and len(part.names()) <= _FEW_FIELDS:
                    part.columns()
                parts.append(part.picked(mine))
        if len(parts) > _PARTS and all(part.decoded for part in parts):
            parts = [concat_points(parts)]
        self._parts, self._fresh = parts, len(parts)


def stacked_batches(parts: Sequence[Batches]) -> Batches:
    """Batches end to end; they need not be grouped by the same, so the dimensions of the whole say nothing."""
    if not parts:
        empty = np.empty(0, dtype=np.int64)
        return Batches(stacked([]), np.zeros(1, dtype=np.intp), empty.astype(np.int32), [], empty, NO_DIMENSIONS, empty)
    offsets, at = [np.zeros(1, dtype=np.intp)], 0
    for part in parts:
        offsets.append(part.offsets[1:] + at)
        at += len(part.points)
    return Batches(
        stacked([p.points for p in parts]),
        np.concatenate(offsets),
        np.concatenate([p.group for p in parts]),
        [name for p in parts for name in p.names],
        np.concatenate([p.tmax for p in parts]),
        parts[0].dimensions,
        np.concatenate([p.origin for p in parts]),
    )
