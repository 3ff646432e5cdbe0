"""Points of a stream as batches: those of a group that follow each other at one time belong together."""

from __future__ import annotations

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Points, concat_points, group_order, ranges
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.series import Dimensions, GroupArray, SeriesArray, SeriesTable
from services.columns.held_points import HeldStack
from services.columns.keyed_buffer import points_state
from services.columns.released import ended
from services.columns.segments import is_first
from services.columns.snapshot import State


class HeldRuns(HeldStack):
    """Holds each group's points of its latest time back until one of another time comes, or a barrier of a later."""

    def __init__(self, table: SeriesTable, fields: frozenset[str] | None) -> None:
        """fields: those to keep; None: all."""
        super().__init__(table)
        self._fields = fields

    def add(self, frame: Frame, groups: LocalGroups) -> Batches | None:
        """The runs that end with these points, as batches of the run's time, by the points that ended them."""
        arrived, before = groups.local(frame.group), len(self.local)
        # what is held of other groups stays as it is
        at = np.concatenate([self.of_groups(arrived, len(groups)), before + np.arange(len(arrived))])
        self.stack.add(frame.points)
        self.local = np.concatenate([self.local, arrived])
        points, local = self.stack.points(), self.local[at]
        order = group_order(local).order
        rows = at[order]
        group = local[order]
        begins = np.flatnonzero(is_first(group) | is_first(points.time[rows]))
        lengths = np.diff(begins, append=len(rows))
        owner = group[begins]
        runs = np.flatnonzero(owner[1:] == owner[:-1])
        enders = rows[begins[runs + 1]] - before
        by_arrival = np.argsort(enders, kind="stable")
        runs, enders = runs[by_arrival], enders[by_arrival]
        over = rows[ranges(begins[runs], lengths[runs])]
        out = None
        if len(runs):
            out = self._batches(
                points,
                over,
                lengths[runs],
                groups.global_numbers(owner[runs]),
                frame.dimensions,
                frame.origin[enders],
            )
        self.keep_but(over, self._fields)
        return out

    def free(self, barriers: Barriers, groups: LocalGroups) -> Batches | None:
        """The runs that barriers end: no point of their time can come any more, or their groups are over."""
        if not len(self.local):
            return None
        points = self.stack.points()
        over = ended(barriers, groups, self.local, points.time)
        if not len(over.first):
            return None
        out = self._batches(
            points,
            over.rows,
            np.bincount(over.run, minlength=len(over.first)),
            barriers.group[over.barrier],
            barriers.dimensions,
            barriers.origin[over.barrier],
        )
        self.keep_but(over.rows, self._fields)
        return out

    def held(self) -> tuple[Points, IntArray]:
        """The points held back, in order of arrival, and their local groups."""
        return self.stack.points(), self.local

    def keep(self, left: Rows) -> None:
        new = np.full(max(int(left.max(initial=-1)), int(self.local.max(initial=-1))) + 1, -1, dtype=np.int64)
        new[left] = np.arange(len(left))
        self.keep_but(np.flatnonzero(new[self.local] < 0), self._fields)
        self.local = new[self.local]

    def restore(self, state: State) -> None:
        points = state["points"]
        if points is None:
            points = points_state(concat_points([]), self._table)
        super().restore({**state, "points": points})

    def _batches(
        self, points: Points, rows: Rows, lengths: Rows, group: GroupArray, dimensions: Dimensions, origin: IntArray
    ) -> Batches:
        """Runs, end to end in `rows`, so many points each, as batches of their groups."""
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        first = rows[offsets[:-1]]
        return Batches(
            points.take(rows).detached(self._fields),
            offsets,
            group,
            self._names(points.series[first]),
            points.time[first],
            dimensions,
            origin,
        )

    def _names(self, series: SeriesArray) -> list[str]:
        """The measurements of these series; most often all are of one."""
        sources = self._table.sources(series)
        if len(sources) and (sources == sources[0]).all():
            return [self._table.source(int(sources[0]))[2]] * len(sources)
        return [self._table.source(n)[2] for n in sources.tolist()]
