"""GET /:routes: what paths there are, and their methods."""

from __future__ import annotations

from collections import defaultdict

from quart import Blueprint, Response, current_app

from schemas.api.operations import RoutesSchema
from services.gateway.http.answers import answer
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.http.writing.write_request import WRITE_PATHS
from services.gateway.operations.operation import Description

_BESIDES = frozenset({"HEAD", "OPTIONS"})


def resource() -> Resource:
    """The route."""
    return Resource("routes", routes=_routes())


def _routes() -> Blueprint:
    routes = new_blueprint("routes")

    @routes.get("/:routes")
    @described(Description(about="What paths there are, and their methods.", answers={200: RoutesSchema}, errors=()))
    async def list_routes() -> Response:
        methods: dict[str, set[str]] = defaultdict(set)
        for rule in current_app.url_map.iter_rules():
            methods[rule.rule.partition("<")[0]] |= (rule.methods or set()) - _BESIDES
        for path in WRITE_PATHS:
            methods[path].add("POST")
        return answer(200, {path: sorted(methods[path]) for path in sorted(methods)})

    return routes
