"""stddev: the standard deviation of a field."""

from __future__ import annotations

from dataclasses import dataclass

from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import AS_DOC, AggregateNode, FunctionProperties, function_spec
from services.pipeline.spec import Edge, Type, prop


@dataclass
class StddevProperties(FunctionProperties):
    as_: str = prop(Type.STRING, default="stddev", doc=AS_DOC)


class StddevNode(AggregateNode):
    """The sample standard deviation, a float; 0 for one value."""

    spec = function_spec("stddev", StddevProperties, __doc__, Edge.STREAM)
    reduce = kernels.stddev
