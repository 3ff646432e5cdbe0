"""GET and HEAD /ping: is the server there."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer


def blueprint() -> Blueprint:
    """The route."""
    routes = Blueprint("ping", __name__)

    @routes.get("/ping")
    async def ping() -> Response:
        return answer(204)

    return routes
