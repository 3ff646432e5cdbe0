"""The resource /loglevel over HTTP."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.operations import Operations
from services.gateway.commands.refusal import Refusal
from services.gateway.resources.bodies import json_body


def blueprint(operations: Operations) -> Blueprint:
    """The route."""
    routes = Blueprint("loglevel", __name__)

    @routes.post("/loglevel")
    async def set_level() -> Response:
        await operations.set_level(await json_body())
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
