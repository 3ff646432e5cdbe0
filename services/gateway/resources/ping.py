"""GET and HEAD /ping: is the server there."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.http.answers import answer
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description


def resource() -> Resource:
    """The route."""
    return Resource("ping", routes=_routes())


def _routes() -> Blueprint:
    routes = new_blueprint("ping")

    @routes.get("/ping")
    @described(Description(about="Whether the server is there.", answers={204: None}, errors=()))
    async def ping() -> Response:
        return answer(204)

    return routes
