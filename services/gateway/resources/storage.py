"""The resource /storage over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.resources.bodies import json_body


def blueprint(operations: Operations) -> Blueprint:
    """The routes."""
    routes = Blueprint("storage", __name__)

    @routes.get("/storage/stores")
    async def list_stores() -> Response:
        return answer(200, operations.stores())

    @routes.post("/storage/stores/<rest:name>")
    async def change_store(name: str) -> Response:
        operations.change_store(name, await json_body())
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
