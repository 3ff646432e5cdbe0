"""GET /openapi.json and /asyncapi.json: what there is over HTTP and over the bus, for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from quart import Blueprint, Response, current_app

from services.gateway.http.answers import answer
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description, Operation, Route

_TITLE = "tickbus"
_JSON = "application/json"


def resource(operations: Iterable[Operation], beside: Iterable[Route], physical: Callable[[str], str]) -> Resource:
    """The documents of these operations. beside: what answers without being a route of the app. physical: gives what
    the NATS calls a subject."""
    return Resource("openapi", routes=_routes(operations, beside, physical))


def _routes(operations: Iterable[Operation], beside: Iterable[Route], physical: Callable[[str], str]) -> Blueprint:
    routes = new_blueprint("documents")
    made: dict[str, Any] = {}
    operations, beside = list(operations), list(beside)

    @routes.get("/openapi.json")
    @described(Description(about="This document.", answers={200: (_JSON,)}, errors=()))
    async def openapi() -> Response:
        if "openapi" not in made:
            # Not above: a gateway that is not asked for its documents starts without the library behind them.
            from services.gateway.openapi.openapi import make_openapi, routes_of

            made["openapi"] = make_openapi(_TITLE, version("tickbus"), [*routes_of(current_app), *beside])
        return answer(200, made["openapi"])

    @routes.get("/asyncapi.json")
    @described(Description(about="The AsyncAPI document of the bus.", answers={200: (_JSON,)}, errors=()))
    async def asyncapi() -> Response:
        if "asyncapi" not in made:
            from services.gateway.openapi.asyncapi import make_asyncapi

            made["asyncapi"] = make_asyncapi(_TITLE, version("tickbus"), operations, physical)
        return answer(200, made["asyncapi"])

    return routes
