"""GET /:routes: what paths there are, and their methods."""

from __future__ import annotations

from collections import defaultdict

from quart import Blueprint, Response, current_app

from schemas.api.operations import RoutesSchema
from services.gateway.answers import answer
from services.gateway.operation import Description
from services.gateway.over_http import described, new_blueprint
from services.gateway.write_request import WRITE_PATHS

_BESIDES = frozenset({"HEAD", "OPTIONS"})


def blueprint() -> Blueprint:
    """The route."""
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
