"""Points of several groups that a node holds back, each with its local group: how they are saved, split and joined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Points, concat_points
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import shown_points
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State
from services.columns.stacked import Stack


class HeldPoints(KeyedPart):
    """What is saved under "points" (None: nothing yet) and "local" (int64[n], their local groups)."""

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        local: IntArray = np.asarray(state["local"], dtype=np.int64)
        if state["points"] is None:
            return {"points": None, "local": local}
        rows = np.flatnonzero(np.isin(local, left))
        points = points_from_state(state["points"], table).take(rows)
        return {"points": points_state(points, table), "local": np.searchsorted(left, local[rows])}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        bases = [0, *itertools.accumulate(sizes)]
        local = [np.asarray(s["local"], dtype=np.int64) + base for s, base in zip(states, bases, strict=False)]
        points: list[Points] = [points_from_state(s["points"], table) for s in states if s["points"] is not None]
        joined = points_state(concat_points(points), table) if points else None
        return {"points": joined, "local": np.concatenate(local)}


class HeldStack(HeldPoints):
    """A stack of points; `local` is for whoever changes the stack to change with it."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self.stack = Stack()
        self.local: IntArray = np.empty(0, dtype=np.int64)

    def of_groups(self, local: IntArray, groups: int) -> Rows:
        """The rows held of these groups, each of them once, ascending. groups: how many there are in all."""
        among = np.zeros(groups, dtype=np.bool_)
        among[local] = True
        return np.flatnonzero(among[self.local])

    def keep_but(self, rows: Rows, needed: frozenset[str] | None) -> None:
        """Hold these no longer, and the others decoded; `needed`: with which fields, None for all."""
        left = np.ones(len(self.local), dtype=np.bool_)
        left[rows] = False
        self.stack.keep(np.flatnonzero(left), needed, decode=True)
        self.local = self.local[left]

    def keep(self, left: Rows) -> None:
        """As in KeyedPart. Nothing may be held of the other groups any more."""
        self.local = np.searchsorted(left, self.local)

    def explain(self, group: int) -> list[dict[str, Any]]:
        return shown_points(self.stack.points().take(np.flatnonzero(self.local == group)), self._table)

    def state(self) -> State:
        return {"local": self.local, "points": points_state(self.stack.points(), self._table)}

    def restore(self, state: State) -> None:
        self.stack = Stack(points_from_state(state["points"], self._table))
        self.local = np.array(state["local"], dtype=np.int64)
