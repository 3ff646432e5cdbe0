"""GET /kapacitor/v1/debug/vars and GET /metrics: figures of the whole server."""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import BASE, answer, refusal_answer
from services.gateway.commands.figures import Figures
from services.gateway.commands.refusal import Refusal
from services.gateway.prometheus import CONTENT_TYPE


def blueprint(figures: Figures) -> Blueprint:
    """The routes."""
    routes = Blueprint("figures", __name__, url_prefix="/")

    @routes.get(f"{BASE}/debug/vars")
    async def show_vars() -> Response:
        return answer(200, await figures.vars())

    @routes.get("/metrics")
    async def show_metrics() -> Response:
        return Response(await figures.metrics(), 200, content_type=CONTENT_TYPE)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes
