"""httpOut: show each group's newest point or batch at an HTTP endpoint."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Batches, Frame, Message, Points, concat_points
from services.columns.groups.keyed_state import KeyedPart, KeyedState, column, keyed_part
from services.columns.groups.series import SeriesTable
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.result_json import Row, batch_row, point_row
from services.columns.segments import grown
from services.columns.snapshot import State
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode

_PARTS = 64  # how many frames' last points may lie unmerged
_BATCHES = 16  # of how many messages batches may not be made rows yet


@dataclass
class HTTPOutProperties(Properties):
    endpoint: str = argument(Type.STRING, doc="What follows the task's own path: /kapacitor/v1/tasks/TASK/ENDPOINT.")


class LastOfGroups(KeyedPart):
    """The last point, or batch as a row, of every group."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._parts: dict[int, tuple[Points, IntArray]] = {}  # last points of frames, with their local groups
        self._newest: IntArray = np.empty(0, dtype=np.int64)  # by local group: the part that has its last point
        self._number = 0
        self._rows: dict[int, Row] = {}  # of batches, by local group
        # messages with batches that came later and are not made rows yet; by local group which has the last, and where
        self._waiting: dict[int, Batches] = {}
        self._last_in: IntArray = self._newest
        self._last_at: IntArray = self._newest

    def observe(self, points: Points, local: IntArray) -> None:
        """The last points of a frame, each of another group."""
        self._add(points, local)
        if len(self._parts) > _PARTS:
            self._forget_old()

    def observe_batches(self, batches: Batches, local: IntArray) -> None:
        """Batches of these groups; rows are made only of those that are still the last when they are asked for."""
        self._number += 1
        self._waiting[self._number] = batches
        self._last_in[local], self._last_at[local] = self._number, np.arange(len(batches))
        if len(self._waiting) > _BATCHES:
            self._waiting = {n: self._waiting[n] for n in np.unique(self._last_in).tolist() if n in self._waiting}
            if len(self._waiting) > _BATCHES // 2:
                self._settled()

    def rows(self) -> dict[int, Row]:
        """By local group."""
        rows = dict(self._settled())
        for number, (points, local) in self._parts.items():
            for i in np.flatnonzero(self._newest[local] == number).tolist():
                rows[int(local[i])] = point_row(points, i, self._table)
        return rows

    def reach(self, groups: int) -> None:
        self._newest = grown(self._newest, groups, -1)
        self._last_in, self._last_at = grown(self._last_in, groups, -1), grown(self._last_at, groups)

    def keep(self, left: Rows) -> None:
        self._merge()
        self._rows = _rows_of(self._settled(), left)
        self._newest, self._last_in, self._last_at = (
            array[left] for array in (self._newest, self._last_in, self._last_at)
        )
        self._parts = {number: _points_of(*part, left) for number, part in self._parts.items()}

    def state(self) -> State:
        self._merge()
        return {"rows": self._settled(), "parts": [_part_state(*part, self._table) for part in self._parts.values()]}

    def restore(self, state: State) -> None:
        self._rows, self._waiting = dict(state["rows"]), {}
        for points, local in state["parts"]:
            self.reach(int(np.max(local, initial=-1)) + 1)
            self._add(points_from_state(points, self._table), np.asarray(local))

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        parts = [
            _points_of(points_from_state(points, table), np.asarray(local), left) for points, local in state["parts"]
        ]
        return {
            "rows": _rows_of(state["rows"], left),
            "parts": [_part_state(*part, table) for part in parts if len(part[1])],
        }

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        rows: dict[int, Row] = {}
        parts: list[Any] = []
        for state, base in zip(states, itertools.accumulate([0, *sizes]), strict=False):
            rows |= {base + local: row for local, row in state["rows"].items()}
            parts += [[points, base + np.asarray(local)] for points, local in state["parts"]]
        return {"rows": rows, "parts": parts}

    def _settled(self) -> dict[int, Row]:
        """Rows of all batches."""
        for number, batches in self._waiting.items():
            for group in np.flatnonzero(self._last_in == number).tolist():
                self._rows[group] = batch_row(batches, int(self._last_at[group]), self._table)
        self._waiting = {}
        return self._rows

    def _add(self, points: Points, local: IntArray) -> None:
        self._number += 1
        self._parts[self._number] = (points, local)
        self._newest[local] = self._number

    def _forget_old(self) -> None:
        """Let go of frames that have been overtaken in all their groups; merge what is left if that is many."""
        self._parts = {n: self._parts[n] for n in np.unique(self._newest).tolist() if n in self._parts}
        if len(self._parts) > _PARTS // 2:
            self._merge()

    def _merge(self) -> None:
        """One part of all the points that are still their groups' last."""
        kept, groups = [], []
        for number, (points, local) in self._parts.items():
            mine = np.flatnonzero(self._newest[local] == number)
            if len(mine):
                kept.append(points.take(mine).detached())
                groups.append(local[mine])
        self._parts = {}
        if kept:
            self._add(concat_points(kept), np.concatenate(groups))


class Shown(KeyedState):
    last: LastOfGroups = keyed_part(LastOfGroups, flat=True)
    came: IntArray = column(np.int64)  # when (ns) what brought the group came
    came_row: IntArray = column(np.int64)  # where in its message it stood


class HTTPOutNode(KeyedNode):
    """Keeps the last point or batch of every group and hands everything on unchanged.

    GET of the endpoint answers {"series": […]}, in the order in which the groups first came, null before any data.
    """

    spec = NodeSpec(
        name="httpOut",
        type_name="HTTPOutNode",
        properties=HTTPOutProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="http_out",
        doc=__doc__ or "",
    )

    keeps = Shown
    keyed: Shown
    properties: HTTPOutProperties

    def __init__(self, properties: HTTPOutProperties, context: Context) -> None:
        super().__init__(properties, context)
        # Slashes too many are no part of the path that is asked for.
        self.endpoint = posixpath.normpath(f"/{properties.endpoint}").lstrip("/")
        self.keyed = Shown(context.table, last=LastOfGroups(context.table))

    def frame(self, frame: Frame) -> Sequence[Message]:
        order, known = frame.by_group(), len(self.keyed)
        members = self.keyed.groups.members(frame)
        if len(self.keyed) > known:
            new = members >= known
            self._came(members[new], frame.origin[order.order[order.starts[new]]])
        self.keyed.last.observe(frame.points.picked(order.order[order.ends - 1]), members)
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        known = len(self.keyed)
        local = self.keyed.groups.local(batches.group)
        if len(self.keyed) > known:
            groups, first = np.unique(local, return_index=True)
            new = groups >= known
            self._came(groups[new], batches.origin[first[new]])
        self.keyed.last.observe_batches(batches, local)
        return [batches]

    def result(self) -> dict[str, Any]:
        """What the endpoint shows."""
        return {"series": [row for row, _, _ in self.rows()] or None}

    def rows(self) -> list[tuple[Row, int, int]]:
        """The row of each group, in the order in which they first came; when that was (ns), and where in its message:
        rows of several parts of a task are put in order by these two."""
        rows, keyed = self.keyed.last.rows(), self.keyed
        return [(rows[g], int(keyed.came[g]), int(keyed.came_row[g])) for g in range(len(keyed)) if g in rows]

    def _came(self, local: Rows, origin: IntArray) -> None:
        """New groups have come, each by a row of the step's input."""
        step = self.context.step
        self.keyed.came[local] = step.times_of(origin)
        self.keyed.came_row[local] = 0 if step.tick else step.row[origin]


def _rows_of(rows: Mapping[int, Row], left: Rows) -> dict[int, Row]:
    return {new: rows[old] for new, old in enumerate(left.tolist()) if old in rows}


def _points_of(points: Points, local: IntArray, left: Rows) -> tuple[Points, IntArray]:
    stays = np.isin(local, left)
    return points.take(np.flatnonzero(stays)), np.searchsorted(left, local[stays])


def _part_state(points: Points, local: IntArray, table: SeriesTable) -> list[Any]:
    return [points_state(points, table), local]
