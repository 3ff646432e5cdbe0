"""where: let only those points through for which a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.columns.frame import Batches, Frame, Message, Points
from services.columns.groups import grouped_view
from services.columns.groups.grouped_view import GroupedView
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.expressions import Evaluator
from services.expressions.explained import Explained, explained
from services.pipeline.column_pruning import references_of
from services.pipeline.spec import Edge, LambdaValue, NodeSpec, Properties, Type, argument
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator


@dataclass
class WhereProperties(Properties):
    condition: LambdaValue = argument(Type.LAMBDA, doc="What must hold for a point to go on.")

    def reads(self) -> frozenset[str]:
        return references_of(self.condition)


class Conditions(KeyedState):
    """What the condition remembers."""

    condition: Evaluator = keyed_part(Evaluator)


class WhereNode(KeyedNode):
    """Filters points. A point for which the condition cannot be evaluated is dropped and counted as an error.

    Functions with a memory (count, sigma, spread) have one for each group, which goes on from batch to batch.
    A batch all of whose points are dropped goes on empty.
    """

    spec = NodeSpec(
        name="where",
        type_name="WhereNode",
        properties=WhereProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    keeps = Conditions
    keyed: Conditions
    properties: WhereProperties

    def __init__(self, properties: WhereProperties, context: Context) -> None:
        super().__init__(properties, context)
        if properties.condition is None:
            raise TaskFailed("nil expression passed to WhereNode")
        failure = "Failed to compile expression in where clause: "
        self.keyed = Conditions(
            context.table, condition=checked_evaluator(properties.condition, context.table, failure)
        )

    def frame(self, frame: Frame) -> Sequence[Message]:
        return self._filter(grouped_view.stream(frame, self.keyed.groups))

    def batches(self, batches: Batches) -> Sequence[Message]:
        return self._filter(grouped_view.continuous(batches, self.keyed.groups))

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        return {"where": explained(self.keyed.condition, point, self.memory_number(group), self.context.step.now)}

    def _filter(self, through: GroupedView) -> Sequence[Message]:
        if not len(through.points):
            return [through.source]
        condition = self.keyed.condition
        truth = condition.truth(through.points, through.group if condition.stateful else None, self.context.step.now)
        if truth.failed is not None:
            self.context.error("error while evaluating expression: " + truth.reasons[0], int(truth.failed.sum()))
        return [through.out(through.points, truth.true)]
