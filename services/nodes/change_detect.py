"""changeDetect: let a point through only where a field has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Kind, Rows, column_of, concat
from services.columns.frame import Batches, Frame, GroupOrder, Message, Points
from services.columns.groups import grouped_view
from services.columns.groups.grouped_view import GroupedView
from services.columns.groups.keyed_state import KeyedPart, KeyedState, keyed_part
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import plain_value
from services.columns.segments import is_first
from services.columns.snapshot import State
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode

Kept = dict[str, Column | None]
"""By field, its value in the point that each group last handed on: a row a group, by local number."""


@dataclass
class ChangeDetectProperties(Properties):
    fields: list[str] = argument(Type.STRING, variadic=True, doc="The fields to look at.")

    def reads(self) -> frozenset[str]:
        return frozenset(self.fields)


class LastValues(KeyedPart):
    """The compared fields of the point that each group last handed on: a row a group."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.columns: Kept = dict.fromkeys(fields)
        self._size = 0

    def reach(self, groups: int) -> None:
        if (more := groups - self._size) > 0:
            for name, c in self.columns.items():
                self.columns[name] = None if c is None else concat([c, None], [self._size, more])
            self._size = groups

    def keep(self, left: Rows) -> None:
        self.columns = {name: None if c is None else c.take(left) for name, c in self.columns.items()}
        self._size = len(left)

    def explain(self, group: int) -> dict[str, Any]:
        return {name: plain_value(c.value(group)) for name, c in self.columns.items() if c is not None}

    def state(self) -> State:
        return _kept_state(self.columns)

    def restore(self, state: State) -> None:
        self.columns = _kept_from_state(state)
        self._size = max((len(c) for c in self.columns.values() if c is not None), default=0)

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        kept = _kept_from_state(state)
        return _kept_state({name: None if c is None else _plain(c.take(left)) for name, c in kept.items()})

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        kept = [_kept_from_state(state) for state in states]
        return _kept_state({name: _concat([k[name] for k in kept], sizes) for name in kept[0]})


class LastHandedOn(KeyedState):
    kept: LastValues = keyed_part(LastValues)


class ChangeDetectNode(KeyedNode):
    """Hands on a point if a field differs, in value or type, from the last point of its group that was handed on.

    The first point of a group (or of a batch) goes on. A field that a point lacks is passed over, and an error. A null,
    as join fills with, is a value like others, but no change from a point that lacks the field, nor as the first.
    """

    spec = NodeSpec(
        name="changeDetect",
        type_name="ChangeDetectNode",
        properties=ChangeDetectProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late="they are compared in order of arrival, like others.",
    )

    keeps = LastHandedOn
    keyed: LastHandedOn
    properties: ChangeDetectProperties

    def __init__(self, properties: ChangeDetectProperties, context: Context) -> None:
        super().__init__(properties, context)
        self.keyed = LastHandedOn(context.table, kept=LastValues(properties.fields))

    def frame(self, frame: Frame) -> Sequence[Message]:
        through = grouped_view.stream(frame, self.keyed.groups)
        return [self._changed(through, self.keyed.kept.columns, len(self.keyed))]

    def batches(self, batches: Batches) -> Sequence[Message]:
        through = grouped_view.per_batch(batches, self.keyed.groups)
        return [self._changed(through, dict.fromkeys(self.properties.fields), len(batches))]

    def _changed(self, through: GroupedView, kept: Kept, size: int) -> Frame | Batches:
        """`kept` has `size` rows and is brought forward."""
        points = through.points
        if not len(points):
            return through.source
        order = through.order()
        changed = self._at_once(points, through.group, order, kept)
        if changed is None:
            changed = self._one_by_one(points, through.group, order, kept)
        rows = order.order[changed[order.order]]
        if len(rows):
            group = through.group[rows]
            last = np.append(group[1:] != group[:-1], True)
            where = np.arange(size)
            where[group[last]] = size + np.arange(int(last.sum()))
            some = rows[last]
            for name in kept:
                column = points.column(name)
                parts = [kept[name], None if column is None else column.take(some)]
                kept[name] = _plain(concat(parts, [size, len(some)]).take(where))
        return through.out(points, changed)

    def _at_once(self, points: Points, group: IntArray, order: GroupOrder, kept: Kept) -> BoolArray | None:
        """Which rows go on, or None where that takes a look at one after the other.

        If no point lacks a field that is compared, those left out are equal to the one before them, so that each needs
        to be compared with its neighbour only.
        """
        columns = {name: points.column(name) for name in kept}
        rows = order.order
        if len(kept) == 1:
            (name, column), *_ = columns.items()
            if column is None:
                self._missing(name, len(points) * len(self.properties.fields))
                return np.zeros(len(points), dtype=np.bool_)
            if column.kind is Kind.MIXED:
                return None
            if column.valid is not None:
                self._missing(name, int(np.count_nonzero(~column.valid)) * len(self.properties.fields))
                rows = rows[column.valid[rows]]
        elif any(c is None or c.valid is not None for c in columns.values()):
            return None
        if any(c is None or c.kind is Kind.MIXED for c in columns.values()):
            return None
        mine = group[rows]
        first = is_first(mine)
        different = np.zeros(len(rows), dtype=np.bool_)
        for name, column in columns.items():
            assert column is not None
            before = kept[name]
            values = column.values[rows]
            different[1:] |= (values[1:] != values[:-1]).astype(np.bool_) & ~first[1:]
            different[first] |= _differs(before, mine[first], values[first], column.kind)
        changed = np.zeros(len(points), dtype=np.bool_)
        changed[rows[different]] = True
        return changed

    def _one_by_one(self, points: Points, group: IntArray, order: GroupOrder, kept: Kept) -> BoolArray:
        columns = {name: points.column(name) for name in kept}
        now = {name: [None] * len(points) if c is None else c.tolist() for name, c in columns.items()}
        there = {name: [False] * len(points) if c is None else c.mask().tolist() for name, c in columns.items()}
        before = {name: None if c is None else c.tolist() for name, c in kept.items()}
        missing = dict.fromkeys(kept, 0)
        changed = np.zeros(len(points), dtype=np.bool_)
        last: dict[int, int] = {}
        for row, g in zip(order.order.tolist(), group[order.order].tolist(), strict=True):
            for name in self.properties.fields:
                if not there[name][row]:
                    missing[name] += 1
                    continue
                value = now[name][row]
                was = now[name][last[g]] if g in last else (of[g] if (of := before[name]) is not None else None)
                if type(was) is not type(value) or was != value:
                    changed[row] = True
                    last[g] = row
                    break
        for name, count in missing.items():
            self._missing(name, count)
        return changed

    def _missing(self, name: str, count: int) -> None:
        self.context.error(f"Invalid field in change detect: expected field {name} not found", count)


def _kept_state(kept: Kept) -> State:
    return {name: None if c is None else [c.kind.value, c.values, _mask(c)] for name, c in kept.items()}


def _mask(column: Column) -> BoolArray | None:
    """Which rows have a value; None: all of them."""
    return None if column.valid is None or column.valid.all() else column.valid


def _kept_from_state(state: State) -> Kept:
    return {name: None if c is None else Column(Kind(c[0]), c[1], c[2]) for name, c in state.items()}


def _concat(columns: Sequence[Column | None], sizes: Sequence[int]) -> Column | None:
    return None if all(c is None for c in columns) else concat(columns, sizes)


def _differs(before: Column | None, group: IntArray, values: NDArray[Any], kind: Kind) -> BoolArray:
    """Which values differ from those kept of their groups."""
    if before is None or before.kind not in (kind, Kind.MIXED):
        return np.ones(len(values), dtype=np.bool_)
    if before.kind is Kind.MIXED:
        held = before.take(group).tolist()
        now = Column(kind, values).tolist()
        return np.array([type(a) is not type(b) or a != b for a, b in zip(held, now, strict=True)], dtype=np.bool_)
    differs: BoolArray = (before.values[group] != values).astype(np.bool_) | ~before.mask()[group]
    return differs


def _plain(column: Column) -> Column:
    """The column, of one type again where its rows are."""
    return column_of(column.tolist()) if column.kind is Kind.MIXED else column
