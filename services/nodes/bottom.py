"""bottom: the points with the smallest values of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates.best import BestNode, BestProperties
from services.nodes.aggregates.function import AS_DOC, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class BottomProperties(BestProperties):
    as_: str = prop(Type.STRING, default="bottom", doc=AS_DOC)


class BottomNode(BestNode):
    """A batch of the smallest values, with the points' own tags, in order of time; of equal ones the earlier."""

    spec = function_spec("bottom", BottomProperties, __doc__, Edge.BATCH)
    largest = False
