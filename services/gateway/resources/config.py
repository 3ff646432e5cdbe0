"""The resource /config: the configuration as it counts now, and what changes it."""

from __future__ import annotations

from schemas.api.config import ConfigSchema, ConfigSectionSchema, UpdateConfigSchema
from services.gateway.commands.config import ConfigCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply


def resource(commands: ConfigCommands) -> Resource:
    """Showing and changing it."""
    return Resource("config", _operations(commands))


def _operations(commands: ConfigCommands) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        return 200, commands.sections()

    async def get(request: OperationRequest) -> Reply:
        return 200, commands.get(request.names["place"])

    async def update(request: OperationRequest) -> Reply:
        await commands.update(request.names["place"], request.body)
        return 204, None

    return [
        Operation(
            kind="config",
            verb="list",
            method="GET",
            path="/config",
            about="The sections of the configuration that may be changed, as they count now.",
            answers={200: ConfigSchema},
            errors=(403,),
            run=list_,
        ),
        Operation(
            kind="config",
            verb="get",
            method="GET",
            path="/config/{place}",
            about="A section, by SECTION, or one element: SECTION/ELEMENT, or SECTION/ where it has no name. "
            "An element is shown without the section around it.",
            answers={200: ConfigSectionSchema},
            errors=(400, 403, 404),
            run=get,
        ),
        Operation(
            kind="config",
            verb="update",
            method="POST",
            path="/config/{place}",
            about="Set options of the element SECTION/ELEMENT, or SECTION/ where it has no name, or delete what was "
            "set; add elements to a list SECTION, or remove what was set of them. It counts at once.",
            body=UpdateConfigSchema,
            answers={204: None},
            errors=(400, 403),
            run=update,
        ),
    ]
