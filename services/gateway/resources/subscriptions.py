"""The resource /subscriptions: those in InfluxDB, which services.gateway.subscriptions keeps."""

from __future__ import annotations

from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.subscriptions.manager import Subscriptions


def resource(subscriptions: Subscriptions) -> Resource:
    """Synchronising."""
    return Resource("subscriptions", _operations(subscriptions))


def _operations(subscriptions: Subscriptions) -> list[Operation]:
    async def synchronise(request: OperationRequest) -> Reply:
        await subscriptions.link()
        return 204, None

    return [
        Operation(
            kind="subscription",
            verb="synchronise",
            method="POST",
            path="/subscriptions",
            about="See at once to the subscriptions in InfluxDB, those of new databases for one: 500 where that fails.",
            answers={204: None},
            errors=(500,),
            run=synchronise,
        )
    ]
