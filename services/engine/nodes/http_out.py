"""httpOut: show each group's newest point or batch at an HTTP endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.engine.buffer import points_from_state, points_state
from services.engine.column import IntArray, Rows
from services.engine.frame import Barriers, Batches, Frame, Message, Points, concat_points
from services.engine.node import Context, Groups, Node, State
from services.engine.result import Row, batch_row, point_row
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument

_PARTS = 16  # how many frames' last points may lie unmerged; more would hold on to too many bodies


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
        self.endpoint = properties.endpoint
        self._groups = Groups(context.table)
        self._parts: list[tuple[Points, IntArray]] = []
        self._rows: dict[int, Row] = {}  # batches, and what a snapshot gave, by local group

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        order = frame.by_group()
        last = order.order[order.ends - 1]
        self._groups.local(frame.group)
        self._parts.append((frame.points.take(last), self._groups.local(frame.group[last])))
        if len(self._parts) > _PARTS:
            self._merge()
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        local = self._groups.local(batches.group)
        newest = dict(zip(local.tolist(), range(len(batches)), strict=True))
        for group, i in newest.items():
            self._rows[group] = batch_row(batches, i, self.context.table)
        return [batches]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        if barriers.delete:
            self._forget(self._groups.without(barriers.group))
        return [barriers]

    def result(self) -> dict[str, Any]:
        """What the endpoint shows."""
        self._merge()
        for points, local in self._parts:
            for i, group in enumerate(local.tolist()):
                self._rows[group] = point_row(points, i, self.context.table)
        self._parts = []
        return {"series": [self._rows[g] for g in range(len(self._groups)) if g in self._rows] or None}

    def state(self) -> State:
        self._merge()
        table = self.context.table
        parts = [[points_state(points, table), local] for points, local in self._parts]
        return {"groups": self._groups.state(), "rows": self._rows, "parts": parts}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._rows = dict(state["rows"])
        table = self.context.table
        self._parts = [(points_from_state(points, table), local) for points, local in state["parts"]]

    def _merge(self) -> None:
        if len(self._parts) < 2:
            return
        local = np.concatenate([groups for _, groups in self._parts])
        _, newest = np.unique(local[::-1], return_index=True)
        rows = np.sort(len(local) - 1 - newest)
        bounds = np.cumsum([0, *(len(groups) for _, groups in self._parts)])
        kept = []
        for (points, _), lo, hi in zip(self._parts, bounds[:-1], bounds[1:], strict=True):
            mine = rows[(rows >= lo) & (rows < hi)] - lo
            if len(mine):
                kept.append(points.take(mine).detached())
        self._parts = [(concat_points(kept), local[rows])]

    def _forget(self, left: Rows) -> None:
        self.result()
        self._groups.keep(left)
        self._rows = {new: self._rows[old] for new, old in enumerate(left.tolist()) if old in self._rows}
