"""GET /openapi.json and /asyncapi.json: what there is over HTTP and over the bus, for machines."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from quart import Blueprint, Response, current_app

from services.gateway.answers import answer
from services.gateway.operation import Description, Operation, Route
from services.gateway.over_http import described, new_blueprint

_TITLE = "tickbus"
_JSON = "application/json"


def blueprint(operations: Iterable[Operation], beside: Iterable[Route]) -> Blueprint:
    """The routes. beside: what answers without being a route of the app."""
    routes = new_blueprint("documents")
    made: dict[str, Any] = {}
    operations, beside = list(operations), list(beside)

    @routes.get("/openapi.json")
    @described(Description(about="This document.", answers={200: (_JSON,)}, errors=()))
    async def openapi() -> Response:
        if "openapi" not in made:
            # Not above: a gateway that is not asked for its documents starts without the library behind them.
            from services.gateway.documents.openapi import make_openapi, routes_of

            made["openapi"] = make_openapi(_TITLE, version("tickbus"), [*routes_of(current_app), *beside])
        return answer(200, made["openapi"])

    @routes.get("/asyncapi.json")
    @described(Description(about="The AsyncAPI document of the bus.", answers={200: (_JSON,)}, errors=()))
    async def asyncapi() -> Response:
        if "asyncapi" not in made:
            from services.gateway.documents.asyncapi import make_asyncapi

            made["asyncapi"] = make_asyncapi(_TITLE, version("tickbus"), operations)
        return answer(200, made["asyncapi"])

    return routes
