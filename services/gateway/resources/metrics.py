"""GET /kapacitor/v1/debug/vars and GET /metrics: metrics of the whole server."""

from __future__ import annotations

from quart import Blueprint, Response

from schemas.api.operations import VarsSchema
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description, Operation, OperationRequest, Reply
from services.gateway.queries.metrics.debug_vars import DebugVars
from services.gateway.queries.metrics.prometheus import PrometheusMetrics
from services.process.metrics.text import CONTENT_TYPE


def resource(debug_vars: DebugVars, prometheus: PrometheusMetrics) -> Resource:
    """The metrics as Kapacitor has them, and over HTTP alone as Prometheus has them."""
    return Resource("metrics", _operations(debug_vars), _routes(prometheus))


def _operations(debug_vars: DebugVars) -> list[Operation]:
    async def get(request: OperationRequest) -> Reply:
        return 200, await debug_vars.get()

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


def _routes(prometheus: PrometheusMetrics) -> Blueprint:
    routes = new_blueprint("prometheus", "/")

    @routes.get("/metrics")
    @described(
        Description(about="Figures of the whole server, for Prometheus.", answers={200: ("text/plain",)}, errors=())
    )
    async def show() -> Response:
        return Response(await prometheus.text(), 200, content_type=CONTENT_TYPE)

    return routes
