"""The resource /sideload over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal


def blueprint(operations: Operations) -> Blueprint:
    """The route."""
    routes = Blueprint("sideload", __name__)

    @routes.post("/sideload/reload")
    async def reload() -> Response:
        await operations.reload_sideload()
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
