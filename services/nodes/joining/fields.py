"""The fields of joined points: those of the parents under their prefixes, put together only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.column import BoolArray, Column, IntArray, Kind, Rows, Value, constant, over
from services.columns.frame import FieldSource, Points


@dataclass(frozen=True, slots=True)
class Fill:
    """What stands for the fields of a parent that is missing: a number, or nothing (a field that is there and null)."""

    value: Value | None


@dataclass(frozen=True, slots=True)
class Naming:
    """How a field is called after the join: prefix, delimiter, and the name that it had."""

    prefixes: tuple[str, ...]
    delimiter: str
    fill: Fill | None

    def own(self, parent: int, name: str) -> str | None:
        """The name that a joined field has at one of the parents; None where it is not of that parent."""
        begin = self.prefixes[parent] + self.delimiter
        return name[len(begin) :] if name.startswith(begin) else None

    def joined(self, parent: int, name: str) -> str:
        """The name that a parent's field gets."""
        return self.prefixes[parent] + self.delimiter + name


class Joined:
    """The fields of n joined points.

    parents: what each parent has given. rows: int64[n, parents], which of it makes up each point, -1 where the parent
    is missing. model: int64[n, 2], parent and row of the point that missing fields take their names from.
    """

    def __init__(self, naming: Naming, parents: Sequence[Points], rows: IntArray, model: IntArray) -> None:
        self._naming = naming
        self._parents = parents
        self._rows = rows
        self._model = model

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        return [self._column(name, rows) for name in names]

    def _column(self, name: str, rows: Rows | None) -> Column | None:
        chosen = self._rows if rows is None else self._rows[rows]
        model = self._model if rows is None else self._model[rows]
        out: Column | None = None
        for parent in range(len(self._parents)):
            own = self._naming.own(parent, name)
            if own is not None:
                out = over(out, self._part(own, chosen[:, parent], parent, model))
        return out

    def names(self, rows: Rows | None) -> list[str]:
        chosen = self._rows if rows is None else self._rows[rows]
        model = self._model if rows is None else self._model[rows]
        found: set[str] = set()
        for parent, points in enumerate(self._parents):
            mine = chosen[:, parent]
            there = mine >= 0
            found.update(self._naming.joined(parent, n) for n in points.take(mine[there]).names())
            if self._naming.fill is not None and not there.all():
                for other, its in enumerate(self._parents):
                    lent = model[~there & (model[:, 0] == other), 1]
                    found.update(self._naming.joined(parent, n) for n in its.take(lent).names())
        return sorted(found)

    def pick(self, rows: Rows) -> FieldSource:
        mine, model = self._rows[rows].copy(), self._model[rows].copy()
        parents = []
        for parent, points in enumerate(self._parents):
            lent = model[:, 0] == parent
            used = np.unique(np.concatenate([mine[:, parent], model[lent, 1]]))
            used = used[used >= 0]
            parents.append(points.picked(used))
            mine[:, parent] = np.where(mine[:, parent] >= 0, np.searchsorted(used, mine[:, parent]), -1)
            model[lent, 1] = np.searchsorted(used, model[lent, 1])
        return Joined(self._naming, parents, mine, model)

    def _part(self, own: str, rows: IntArray, parent: int, model: IntArray) -> Column | None:
        """One parent's field over the joined points, filled where the parent is missing."""
        there = rows >= 0
        column = self._parents[parent].column(own)
        part = None if column is None else _at(column, rows, there)
        fill = self._naming.fill
        if fill is None or there.all():
            return part
        lent = np.zeros(len(rows), dtype=np.bool_)
        for other, points in enumerate(self._parents):
            its = points.column(own)
            if its is not None:
                mine = np.flatnonzero(~there & (model[:, 0] == other))
                lent[mine] = its.mask()[model[mine, 1]]
        if not lent.any():
            return part
        return over(part, _filling(fill, lent))


def _at(column: Column, rows: IntArray, there: BoolArray) -> Column:
    """A column at some rows; where `there` is false the field is missing."""
    if there.all():
        return column.take(rows)
    if not len(column):
        return Column(column.kind, np.zeros(len(rows), dtype=column.values.dtype), there)
    taken = column.take(np.where(there, rows, 0))
    return Column(taken.kind, taken.values, taken.mask() & there)


def _filling(fill: Fill, rows: BoolArray) -> Column:
    if fill.value is None:
        return Column(Kind.MIXED, np.full(len(rows), None, dtype=np.object_), rows)
    column = constant(fill.value, len(rows))
    return Column(column.kind, column.values, rows)
