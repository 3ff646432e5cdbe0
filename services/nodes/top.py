"""top: the points with the largest values of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates.best import BestNode, BestProperties
from services.nodes.aggregates.function import AS_DOC, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class TopProperties(BestProperties):
    as_: str = prop(Type.STRING, default="top", doc=AS_DOC)


class TopNode(BestNode):
    """A batch of the largest values, with the points' own tags, in order of time; of equal ones the earlier."""

    spec = function_spec("top", TopProperties, __doc__, Edge.BATCH)
    largest = True
