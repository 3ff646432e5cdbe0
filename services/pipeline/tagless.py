"""Where points and batches without tags have, to the reference, no tags at all: null in JSON, where others have {}.

So it is with what a query gives that groups by nothing, until a node makes tags anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.pipeline.functions import UDF
from services.pipeline.graph import GraphNode
from services.pipeline.spec import Edge

_SELECTORS = frozenset(("first", "last", "min", "max", "percentile"))
_NEW_ON_STREAMS = frozenset(("flatten", "combine", "join"))


class Tagless:
    """What is known of one graph's nodes: chains may be long, and many ways may lead to the same node."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def before(self, node: GraphNode) -> bool:
        """Whether it is so with all that comes to this node."""
        waiting = list(node.parents)
        while waiting:
            at = waiting[-1]
            if at.number in self._known:
                waiting.pop()
                continue
            rests_on = _gives(at)
            if isinstance(rests_on, bool):
                self._known[at.number] = rests_on
                continue
            unknown = [one for one in rests_on if one.number not in self._known]
            if unknown:
                waiting += unknown
            else:
                self._known[at.number] = self._all(rests_on)
        return self._all(node.parents)

    def _all(self, nodes: Sequence[GraphNode]) -> bool:
        return bool(nodes) and all(self._known[node.number] for node in nodes)


def _gives(node: GraphNode) -> bool | Sequence[GraphNode]:
    """Whether a node gives such; or the nodes that it rests on: where all of them give such, it does."""
    name = node.spec.name
    if name in ("query", "queryFlux", UDF.name):
        return True
    if name == "stats":
        watched = node.properties.source  # type: ignore[attr-defined]
        return [watched] if watched.provides is Edge.BATCH else False
    if name == "window" or (name == "default" and node.properties.tags):  # type: ignore[attr-defined]
        return False
    on_stream = bool(node.parents) and node.parents[0].provides is Edge.STREAM
    if name == "groupBy" and not on_stream:
        return False
    function = node.spec.type_name == "InfluxQLNode" and name not in _SELECTORS
    if on_stream and (function or name in _NEW_ON_STREAMS):
        return False
    return node.parents
