"""The resource /alerts/topics/TOPIC/events/EVENT/acknowledge: somebody sees to an alert."""

from __future__ import annotations

from schemas.api.oncall.acknowledgement import AcknowledgeSchema
from services.gateway.commands.oncall.acknowledgements import AcknowledgementCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply

_PATH = "/alerts/topics/{topic}/events/{id}/acknowledge"


def resource(commands: AcknowledgementCommands) -> Resource:
    """Saying so, and taking it back."""
    return Resource("acknowledgements", _operations(commands))


def _operations(commands: AcknowledgementCommands) -> list[Operation]:
    async def acknowledge(request: OperationRequest) -> Reply:
        await commands.acknowledge(request.names["topic"], request.id, request.body)
        return 204, None

    async def take_back(request: OperationRequest) -> Reply:
        await commands.take_back(request.names["topic"], request.id)
        return 204, None

    return [
        Operation(
            kind="topic",
            verb="acknowledge",
            method="POST",
            path=_PATH,
            slashes=True,
            bare=True,
            about="Note that somebody sees to an alert; its event shows it until the alert is OK. 400: it is OK.",
            body=AcknowledgeSchema,
            answers={204: None},
            errors=(400, 404),
            run=acknowledge,
        ),
        Operation(
            kind="topic",
            verb="unacknowledge",
            method="DELETE",
            path=_PATH,
            slashes=True,
            about="Note that nobody sees to an alert any more. No error where nobody did.",
            answers={204: None},
            errors=(404,),
            run=take_back,
        ),
    ]
