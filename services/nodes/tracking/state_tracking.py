"""What stateDuration and stateCount have in common: following for how long a condition has held in each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import BoolArray, Column, IntArray
from services.columns.frame import Batches, Frame, GroupOrder, Message, Points
from services.columns.groups import grouped_view
from services.columns.groups.grouped_view import GroupedView
from services.columns.groups.keyed_state import KeyedState, column, keyed_part
from services.columns.segments import is_first
from services.expressions import Evaluator
from services.expressions.explained import Explained, explained
from services.pipeline.column_pruning import references_of
from services.pipeline.spec import LambdaValue, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator

NOT_IN_STATE = np.iinfo(np.int64).min


@dataclass
class StateProperties(Properties):
    condition: LambdaValue = argument(Type.LAMBDA, doc="What holds while a point is in the state.")
    as_: str = ""

    def reads(self) -> frozenset[str]:
        return references_of(self.condition)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Rows in group order, and for each where its stretch of rows in the state began.

    rows: intp[m]. inside: bool[m]. began: intp[m], the position (in 0…m-1) of the stretch's first row, of use where
    inside. carried: int64[m]: what the group brought along where the stretch began before these rows, NOT_IN_STATE
    elsewhere.
    """

    rows: np.ndarray[tuple[int], np.dtype[np.intp]]
    inside: BoolArray
    began: np.ndarray[tuple[int], np.dtype[np.intp]]
    carried: IntArray


class Carried(KeyedState):
    """The group's state, NOT_IN_STATE outside of it, and what the condition remembers."""

    carried: IntArray = column(np.int64, NOT_IN_STATE)
    condition: Evaluator = keyed_part(Evaluator)


class StateTrackingNode(KeyedNode):
    """Adds a field to each point; a point whose condition cannot be evaluated is dropped and leaves the state alone.

    The state of a group is one int64, NOT_IN_STATE outside of the state. It begins anew with every batch.
    """

    keeps = Carried
    keyed: Carried
    properties: StateProperties

    def __init__(self, properties: StateProperties, context: Context) -> None:
        super().__init__(properties, context)
        self.keyed = Carried(context.table, condition=checked_evaluator(properties.condition, context.table))

    def measure(self, time: IntArray, stretches: Stretches) -> tuple[Column, IntArray]:
        """From times in group order (int64[m]): the field's values in that order, and each row's state after it."""
        raise NotImplementedError

    def frame(self, frame: Frame) -> Sequence[Message]:
        through = grouped_view.stream(frame, self.keyed.groups)
        return [self._track(through, self.keyed.carried)]

    def batches(self, batches: Batches) -> Sequence[Message]:
        through = grouped_view.per_batch(batches, self.keyed.groups)
        return [self._track(through, np.full(len(batches), NOT_IN_STATE, dtype=np.int64))]

    def explain(self, group: int) -> dict[str, Any]:
        kept = super().explain(group)
        return {} if not kept else {**kept, "carried": self.shown(kept["carried"])}

    def shown(self, carried: int) -> int | str:
        """What a group carries, for people."""
        return "not in the state" if carried == NOT_IN_STATE else carried

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        local = self.memory_number(group)
        return {"condition": explained(self.keyed.condition, point, local, self.context.step.now)}

    def _track(self, through: GroupedView, carried: IntArray) -> Frame | Batches:
        points = through.points
        n = len(points)
        if not n:
            return through.source
        condition = self.keyed.condition
        group = self._groups_of(through) if condition.stateful else None
        truth = condition.truth(points, group, self.context.step.now)
        kept: BoolArray | None = None
        if truth.failed is not None and truth.failed.any():
            kept = ~truth.failed
            self.context.error("error while evaluating expression: " + truth.reasons[0], int(truth.failed.sum()))
        order = through.order()
        stretches, last, groups = _stretches(order, truth.true, kept, carried)
        rows = stretches.rows
        column, after = self.measure(points.time[rows], stretches)
        carried[groups] = after[last]
        values = np.zeros(n, dtype=column.values.dtype)
        values[rows] = column.values
        return through.out(points.with_columns({self.properties.as_: Column(column.kind, values, kept)}), kept)

    def _groups_of(self, through: GroupedView) -> IntArray:
        """The groups for the condition's own memory, which goes on from batch to batch."""
        if isinstance(through.source, Frame):
            return through.group
        return self.keyed.groups.local(through.source.group)[through.group]


def _stretches(
    order: GroupOrder, true: BoolArray, kept: BoolArray | None, carried: IntArray
) -> tuple[Stretches, np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """The stretches of the kept rows, the position of each group's last one, and those groups."""
    rows = order.order
    group = np.repeat(order.groups, order.ends - order.starts)
    if kept is not None:
        chosen = kept[rows]
        rows, group = rows[chosen], group[chosen]
    m = len(rows)
    first = is_first(group)
    inside = true[rows]
    before = np.empty(m, dtype=np.bool_)
    before[1:] = inside[:-1]
    before[first] = False
    begins = inside & ~before
    began = np.maximum.accumulate(np.where(begins, np.arange(m), 0))
    carried_count = np.where(first & inside, carried[group], NOT_IN_STATE)
    last = np.append(np.flatnonzero(first)[1:], m) - 1 if m else np.empty(0, dtype=np.intp)
    return Stretches(rows, inside, began, carried_count[began] if m else carried_count), last, group[last]
