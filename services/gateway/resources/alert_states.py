"""The resource /alerts/states: how alerts stood in another server, for topics here."""

from __future__ import annotations

from schemas.api.alert_states import TakenOverStatesSchema, TakeOverStatesSchema
from services.gateway.commands.alert_states import AlertStateCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply


def resource(commands: AlertStateCommands) -> Resource:
    """Taking it over."""

    async def take_over(request: OperationRequest) -> Reply:
        return 200, await commands.take_over(request.body)

    return Resource(
        "alert_states",
        [
            Operation(
                kind="topic",
                verb="take-over",
                method="POST",
                path="/alerts/states",
                about="Have a topic take over how alerts stood in another server, as `tickbus import` does. No handler "
                "is told, and it counts for tasks that start later. For admins, and for users with all permissions.",
                body=TakeOverStatesSchema,
                answers={200: TakenOverStatesSchema},
                errors=(400, 403, 413),
                run=take_over,
            )
        ],
    )
