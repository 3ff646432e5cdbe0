"""The resource /storage."""

from __future__ import annotations

from pathlib import Path

from quart import Blueprint, Response

from schemas.api.operations import StorageActionSchema, StoreListSchema
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.gateway.commands.server import ServerCommands
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.http.spooled import spooled
from services.gateway.operations.operation import Description, Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError

_BACKUP = "application/octet-stream"


def resource(commands: ServerCommands, bus: Bus, directory: Path, keep_free: int) -> Resource:
    """What can be done with stores; the backup is there over HTTP alone.

    It is put together in `directory` first, where `keep_free` bytes are to be left: Kapacitor's client wants to know
    its length.
    """
    return Resource("storage", _operations(commands), _backup(commands, bus, directory, keep_free))


def _operations(commands: ServerCommands) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        return 200, commands.stores()

    async def update(request: OperationRequest) -> Reply:
        commands.change_store(request.id, request.body)
        return 204, None

    return [
        Operation(
            kind="storage",
            verb="list",
            method="GET",
            path="/storage/stores",
            about="What is stored.",
            answers={200: StoreListSchema},
            errors=(),
            run=list_,
        ),
        Operation(
            kind="storage",
            verb="update",
            method="POST",
            path="/storage/stores/{id}",
            about="Rebuild a store's indexes; there are none that could be out of date.",
            body=StorageActionSchema,
            answers={204: None},
            errors=(400, 404),
            run=update,
        ),
    ]


def _backup(commands: ServerCommands, bus: Bus, directory: Path, keep_free: int) -> Blueprint:
    routes = new_blueprint("backup")

    @routes.get("/storage/backup")
    @described(
        Description(about="All that the bus keeps, for `tickbus restore`.", answers={200: (_BACKUP,)}, errors=()),
    )
    async def copy() -> Response:
        await commands.share()
        try:
            chunks, size = await spooled(bus.backup(), directory, keep_free)
        except BusError as error:
            raise OperationError(503, f"the bus cannot be copied: {error}") from error
        response = Response(chunks, 200, content_type=_BACKUP)
        if size is not None:
            response.content_length = size
        response.headers["Content-Disposition"] = 'attachment; filename="tickbus.backup"'
        response.timeout = None
        return response

    return routes
