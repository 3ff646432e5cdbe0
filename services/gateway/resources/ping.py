"""GET and HEAD /ping: is the server there."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer
from services.gateway.operation import Description
from services.gateway.over_http import described, new_blueprint


def blueprint() -> Blueprint:
    """The route."""
    routes = new_blueprint("ping")

    @routes.get("/ping")
    @described(Description(about="Whether the server is there.", answers={204: None}, errors=()))
    async def ping() -> Response:
        return answer(204)

    return routes
