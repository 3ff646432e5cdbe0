"""httpOut: show each group's newest point or batch at an HTTP endpoint."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.engine.buffer import points_from_state, points_state
from services.engine.column import IntArray, Rows
from services.engine.frame import Barriers, Batches, Frame, Message, Points, concat_points
from services.engine.node import Context, Groups, Node, State
from services.engine.result import Row, batch_row, point_row
from services.engine.segments import grown
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument

_PARTS = 64  # how many frames' last points may lie unmerged


@dataclass
class HTTPOutProperties(Properties):
    endpoint: str = argument(Type.STRING, doc="What follows the task's own path: /kapacitor/v1/tasks/TASK/ENDPOINT.")


class HTTPOutNode(Node):
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

    properties: HTTPOutProperties

    def __init__(self, properties: HTTPOutProperties, context: Context) -> None:
        super().__init__(properties, context)
        # Slashes too many are no part of the path that is asked for.
        self.endpoint = posixpath.normpath(f"/{properties.endpoint}").lstrip("/")
        self._groups = Groups(context.table)
        self._parts: dict[int, tuple[Points, IntArray]] = {}  # last points of frames, with their local groups
        self._newest: IntArray = np.empty(0, dtype=np.int64)  # by local group: the part that has its last point
        self._number = 0
        self._rows: dict[int, Row] = {}  # of batches, by local group

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        order = frame.by_group()
        last = order.order[order.ends - 1]
        self._add(frame.points.picked(last), self._groups.members(frame))
        if len(self._parts) > _PARTS:
            self._forget_old()
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        local = self._groups.local(batches.group)
        newest = dict(zip(local.tolist(), range(len(batches)), strict=True))
        for group, i in newest.items():
            self._rows[group] = batch_row(batches, i, self.context.table)
        return [batches]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        if left is not None:
            self._forget(left)
        return [barriers]

    def result(self) -> dict[str, Any]:
        """What the endpoint shows."""
        rows = dict(self._rows)
        for number, (points, local) in self._parts.items():
            for i in np.flatnonzero(self._newest[local] == number).tolist():
                rows[int(local[i])] = point_row(points, i, self.context.table)
        return {"series": [rows[g] for g in range(len(self._groups)) if g in rows] or None}

    def state(self) -> State:
        self._merge()
        table = self.context.table
        parts = [[points_state(points, table), local] for points, local in self._parts.values()]
        return {"groups": self._groups.state(), "rows": self._rows, "parts": parts}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._rows = dict(state["rows"])
        for points, local in state["parts"]:
            self._add(points_from_state(points, self.context.table), local)

    def _add(self, points: Points, local: IntArray) -> None:
        self._number += 1
        self._parts[self._number] = (points, local)
        self._newest = grown(self._newest, len(self._groups), -1)
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

    def _forget(self, left: Rows) -> None:
        """Keep only these groups."""
        self._merge()
        self._rows = {new: self._rows[old] for new, old in enumerate(left.tolist()) if old in self._rows}
        self._newest = grown(self._newest, len(self._groups), -1)[left]
        for number, (points, local) in self._parts.items():
            stays = np.isin(local, left)
            self._parts[number] = (points.take(np.flatnonzero(stays)), np.searchsorted(left, local[stays]))
        self._groups.keep(left)
