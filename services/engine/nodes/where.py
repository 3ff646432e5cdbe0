"""where: let only those points through for which a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.engine import passage
from services.engine.compiled import compiled
from services.engine.frame import Barriers, Batches, Frame, Message
from services.engine.node import Context, Groups, Node, State, TaskFailed
from services.engine.passage import Passage
from services.pipeline.demand import references_of
from services.pipeline.spec import Edge, LambdaValue, NodeSpec, Properties, Type, argument


@dataclass
class WhereProperties(Properties):
    condition: LambdaValue = argument(Type.LAMBDA, doc="What must hold for a point to go on.")

    def reads(self) -> frozenset[str]:
        return references_of(self.condition)


class WhereNode(Node):
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

    properties: WhereProperties

    def __init__(self, properties: WhereProperties, context: Context) -> None:
        super().__init__(properties, context)
        if properties.condition is None:
            raise TaskFailed("nil expression passed to WhereNode")
        self._groups = Groups(context.table)
        self._condition = compiled(
            properties.condition, context.table, "Failed to compile expression in where clause: "
        )

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        return self._filter(passage.stream(frame, self._groups))

    def batches(self, batches: Batches) -> Sequence[Message]:
        return self._filter(passage.going_on(batches, self._groups))

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        if left is not None:
            self._condition.keep(left)
            self._groups.keep(left)
        return [barriers]

    def state(self) -> State:
        return {"groups": self._groups.state(), "condition": self._condition.state()}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._condition.restore(state["condition"])

    def _filter(self, through: Passage) -> Sequence[Message]:
        if not len(through.points):
            return [through.source]
        truth = self._condition.truth(
            through.points, through.group if self._condition.stateful else None, self.context.step.now
        )
        if truth.failed is not None:
            self.context.error("error while evaluating expression: " + truth.reasons[0], int(truth.failed.sum()))
        return [through.out(through.points, truth.true)]
