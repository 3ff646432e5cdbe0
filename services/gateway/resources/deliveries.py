"""The resource /alerts/topics/TOPIC/events/EVENT/deliveries: what handlers did with the events of an alert."""

from __future__ import annotations

from typing import Any

from grammar.golang.quoting import quote
from grammar.golang.times import format_rfc3339
from schemas.api.oncall.delivery import DeliveryListSchema
from schemas.requests.alerting import LEVELS, MOST_DELIVERIES
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.processes import Processes
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError


def resource(alerting: AlertingClient, processes: Processes) -> Resource:
    """What became of them."""
    return Resource("deliveries", _operations(alerting, processes))


def _operations(alerting: AlertingClient, processes: Processes) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        topic, id = request.names["topic"], request.id
        found = await alerting.deliveries(topic, id, processes.count("alerting"))
        if found is None:
            raise OperationError(404, f"unknown event {quote(id)} in topic {quote(topic)}")
        return 200, {"link": {"rel": "self", "href": request.link}, "deliveries": list(map(_show, found))}

    return [
        Operation(
            kind="topic",
            verb="deliveries",
            method="GET",
            path="/alerts/topics/{topic}/events/{id}/deliveries",
            slashes=True,
            about="What handlers did with the events of an alert, newest first: sent, to be tried again, given up on, "
            f"or held back. The last {MOST_DELIVERIES}, as far as the alertings that run know.",
            answers={200: DeliveryListSchema},
            errors=(404,),
            run=list_,
        )
    ]


def _show(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "handler": one["id"],
        "kind": one["kind"],
        "level": LEVELS[one["level"]],
        "event-time": format_rfc3339(one["event_time"]),
        "at": format_rfc3339(one["at"]),
        "outcome": one["what"],
        "attempts": one["attempts"],
        "took": one["took"],
        "error": one["error"],
    }
