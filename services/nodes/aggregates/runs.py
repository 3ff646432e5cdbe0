"""Points of a stream as batches: those of a group that follow each other at one time belong together."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Points, concat_points, group_order, ranges
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import shown_points
from services.columns.held_points import HeldPoints
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.released import ended
from services.columns.segments import is_first
from services.columns.snapshot import State


class HeldRuns(HeldPoints):
    """Holds each group's points of its latest time back until one of another time comes, or a barrier of a later."""

    def __init__(self, table: SeriesTable, fields: frozenset[str] | None) -> None:
        """fields: those to keep; None: all."""
        self._table = table
        self._fields = None if fields is None else sorted(fields)
        self._held: Points | None = None
        self._local: IntArray = np.empty(0, dtype=np.int64)

    def explain(self, group: int) -> list[dict[str, Any]]:
        if self._held is None:
            return []
        return shown_points(self._held.take(np.flatnonzero(self._local == group)), self._table)

    def add(self, frame: Frame, groups: LocalGroups) -> Batches | None:
        """The runs that end with these points, as batches of the run's time, by the points that ended them."""
        local = groups.local(frame.group)
        points = frame.points.detached(self._fields)
        before = len(self._local)
        if self._held is not None and before:
            points = concat_points([self._held, points])
            local = np.concatenate([self._local, local])
        order = group_order(local).order
        group, time = local[order], points.time[order]
        begins = np.flatnonzero(is_first(group) | is_first(time))
        ends = np.append(begins[1:], len(order))
        owner = group[begins]
        over = np.append(owner[1:] == owner[:-1], False)
        held = np.sort(order[ranges(begins[~over], (ends - begins)[~over])])
        runs = np.flatnonzero(over)
        out = None
        if len(runs):
            enders = order[begins[runs + 1]] - before
            by_arrival = np.argsort(enders, kind="stable")
            runs, enders = runs[by_arrival], enders[by_arrival]
            lengths, firsts = (ends - begins)[runs], order[begins[runs]]
            out = Batches(
                points.take(order[ranges(begins[runs], lengths)]),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
                np.array(groups.numbers, dtype=np.int32)[local[firsts]],
                [self._table.series(n).name for n in points.series[firsts].tolist()],
                points.time[firsts],
                frame.dimensions,
                frame.origin[enders],
            )
        self._held, self._local = points.take(held).detached(), local[held]
        return out

    def free(self, barriers: Barriers, groups: LocalGroups) -> Batches | None:
        """The runs that barriers end: no point of their time can come any more, or their groups are over."""
        if not len(self._local):
            return None
        assert self._held is not None
        over = ended(barriers, groups, self._local, self._held.time)
        out = None
        if len(over.first):
            out = Batches(
                self._held.take(over.rows),
                np.searchsorted(over.run, np.arange(len(over.first) + 1)),
                barriers.group[over.barrier],
                [self._table.series(n).name for n in self._held.series[over.first].tolist()],
                self._held.time[over.first],
                barriers.dimensions,
                barriers.origin[over.barrier],
            )
            self._held, self._local = self._held.take(over.left), self._local[over.left]
        return out

    def held(self) -> tuple[Points, IntArray]:
        """The points held back, in order of arrival, and their local groups."""
        return self._held or concat_points([]), self._local

    def keep(self, left: Rows) -> None:
        if self._held is None:
            return
        new = np.full(max(int(left.max(initial=-1)), int(self._local.max(initial=-1))) + 1, -1, dtype=np.int64)
        new[left] = np.arange(len(left))
        local = new[self._local]
        rows = np.flatnonzero(local >= 0)
        self._held, self._local = self._held.take(rows), local[rows]

    def state(self) -> State:
        return {"points": None if self._held is None else points_state(self._held, self._table), "local": self._local}

    def restore(self, state: State) -> None:
        self._held = None if state["points"] is None else points_from_state(state["points"], self._table)
        self._local = np.array(state["local"], dtype=np.int64)
