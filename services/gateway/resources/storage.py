"""The resource /storage over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quart import Blueprint, Response

from services.bus.connection import Bus
from services.bus.errors import BusError
from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.resources.bodies import json_body


def blueprint(operations: Operations, bus: Bus) -> Blueprint:
    """The routes."""
    routes = Blueprint("storage", __name__)

    @routes.get("/storage/stores")
    async def list_stores() -> Response:
        return answer(200, operations.stores())

    @routes.post("/storage/stores/<rest:name>")
    async def change_store(name: str) -> Response:
        operations.change_store(name, await json_body())
        return answer(204)

    @routes.get("/storage/backup")
    async def backup() -> Response:
        """Everything that the bus keeps, for `tickbus restore`."""
        pieces = bus.backup()
        try:
            first = await anext(pieces)
            second = await anext(pieces)
        except BusError as error:
            raise Refusal(503, f"the bus cannot be copied: {error}") from error
        response = Response(_all(first, second, pieces), 200, content_type="application/octet-stream")
        response.headers["Content-Disposition"] = 'attachment; filename="tickbus.backup"'
        response.timeout = None
        return response

    routes.register_error_handler(Refusal, refusal_answer)
    return routes


async def _all(first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    yield second
    async for piece in rest:
        yield piece
