"""The resource /traces."""

from __future__ import annotations

from schemas.api.inspections.trace import CreateTraceSchema, TraceListSchema, TraceSchema
from services.gateway.http.resource import Resource
from services.gateway.inspections.commands import InspectionCommands
from services.gateway.inspections.operations import Described, operations
from services.gateway.inspections.queries import InspectionQueries
from services.gateway.inspections.traces import TraceRequests

_ABOUT = "Run a task over a part of the log with nothing done outside, and see what goes into its nodes and comes out."
_TRACES = Described("trace", _ABOUT, CreateTraceSchema, TraceSchema, TraceListSchema)


def resource(requests: TraceRequests, commands: InspectionCommands, queries: InspectionQueries) -> Resource:
    """What can be done with traces."""
    return Resource("traces", operations(_TRACES, lambda body: requests.create(body), commands, queries))
