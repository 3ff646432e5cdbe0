"""Where points and batches without tags have, to the reference, no tags at all: null in JSON, where others have {}.

So it is with what a query gives that groups by nothing, until a node makes tags anew.
"""

from __future__ import annotations

from services.pipeline.functions import UDF
from services.pipeline.graph import GraphNode
from services.pipeline.spec import Edge

_SELECTORS = frozenset(("first", "last", "min", "max", "percentile"))
_NEW_ON_STREAMS = frozenset(("flatten", "combine", "join"))


def tagless(node: GraphNode) -> bool:
    """Whether it is so with all that comes to this node."""
    return bool(node.parents) and all(map(_gives, node.parents))


def _gives(node: GraphNode) -> bool:
    name = node.spec.name
    if name in ("query", UDF.name):
        return True
    if name == "stats":
        watched = node.properties.source  # type: ignore[attr-defined]
        return watched.provides is Edge.BATCH and _gives(watched)
    if name == "window" or (name == "default" and node.properties.tags):  # type: ignore[attr-defined]
        return False
    on_stream = bool(node.parents) and node.parents[0].provides is Edge.STREAM
    if name == "groupBy" and not on_stream:
        return False
    function = node.spec.type_name == "InfluxQLNode" and name not in _SELECTORS
    if on_stream and (function or name in _NEW_ON_STREAMS):
        return False
    return tagless(node)
