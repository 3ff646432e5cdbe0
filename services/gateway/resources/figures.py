"""GET /kapacitor/v1/debug/vars and GET /metrics: figures of the whole server."""

from __future__ import annotations

from quart import Blueprint, Response

from schemas.api.operations import VarsSchema
from services.gateway.commands.figures import Figures
from services.gateway.operation import Description, Operation, Question, Reply
from services.gateway.over_http import described, new_blueprint
from services.gateway.prometheus import CONTENT_TYPE


def operations(figures: Figures) -> list[Operation]:
    """The figures as Kapacitor has them."""

    async def get(asked: Question) -> Reply:
        return 200, await figures.vars()

    return [
        Operation(
            kind="vars",
            verb="get",
            method="GET",
            path="/debug/vars",
            about="Figures of the whole server, as Telegraf's kapacitor input reads them.",
            answers={200: VarsSchema},
            errors=(),
            run=get,
        )
    ]


def metrics(figures: Figures) -> Blueprint:
    """The figures as Prometheus has them."""
    routes = new_blueprint("metrics", "/")

    @routes.get("/metrics")
    @described(
        Description(about="Figures of the whole server, for Prometheus.", answers={200: ("text/plain",)}, errors=())
    )
    async def show() -> Response:
        return Response(await figures.metrics(), 200, content_type=CONTENT_TYPE)

    return routes
