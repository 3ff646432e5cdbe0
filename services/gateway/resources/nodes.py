"""The resource /nodes: what scripts may use."""

from __future__ import annotations

from schemas.api.scripts.reference import ReferenceSchema
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.reference import Reference


def resource(reference: Reference) -> Resource:
    """Asking for it."""

    async def list_(request: OperationRequest) -> Reply:
        return 200, reference.all()

    return Resource(
        "nodes",
        [
            Operation(
                kind="node",
                verb="list",
                method="GET",
                path="/nodes",
                about="What scripts may use, with its documentation: nodes, alert handlers, functions.",
                answers={200: ReferenceSchema},
                errors=(),
                run=list_,
            )
        ],
    )
