"""The resource /storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from quart import Blueprint, Response

from schemas.api.operations import StorageActionSchema, StoreListSchema
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.operation import Description, Operation, Question, Reply
from services.gateway.over_http import described, new_blueprint
from services.gateway.spooled import spooled

_BACKUP = "application/octet-stream"


def operations(commands: Operations) -> list[Operation]:
    """What can be done with stores."""

    async def list_(asked: Question) -> Reply:
        return 200, commands.stores()

    async def update(asked: Question) -> Reply:
        commands.change_store(asked.id, asked.body)
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


def backup(bus: Bus, share: Callable[[], Awaitable[None]], directory: Path, keep_free: int) -> Blueprint:
    """Copying all of it, once `share` has had the states of tasks brought there.

    The copy is put together in `directory` first: Kapacitor's client wants to know its length.
    """
    routes = new_blueprint("backup")

    @routes.get("/storage/backup")
    @described(
        Description(about="All that the bus keeps, for `tickbus restore`.", answers={200: (_BACKUP,)}, errors=()),
    )
    async def copy() -> Response:
        await share()
        try:
            pieces, size = await spooled(bus.backup(), directory, keep_free)
        except BusError as error:
            raise Refusal(503, f"the bus cannot be copied: {error}") from error
        response = Response(pieces, 200, content_type=_BACKUP)
        if size is not None:
            response.content_length = size
        response.headers["Content-Disposition"] = 'attachment; filename="tickbus.backup"'
        response.timeout = None
        return response

    return routes
