"""GET /ping and GET /health, as InfluxDB 2.x has them: what clients ask before they write to /api/v2/write."""

from __future__ import annotations

from importlib.metadata import version

from quart import Blueprint, Response

from schemas.api.operations import HealthSchema
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.answers import answer
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description


def resource(bus: Bus, disk: NatsDisk) -> Resource:
    """The routes."""
    return Resource("health", routes=_routes(bus, disk))


def _routes(bus: Bus, disk: NatsDisk) -> Blueprint:
    routes = new_blueprint("health", "/")

    @routes.get("/ping")
    @described(Description(about="Whether the server is there.", answers={204: None}, errors=()))
    async def ping() -> Response:
        return answer(204)

    @routes.get("/health")
    @described(
        Description(
            about="Whether writes are stored: 503 and `fail` while NATS is away or its disk is full.",
            answers={200: HealthSchema},
            errors=(),
        )
    )
    async def health() -> Response:
        problem = disk.refuses_data(0) if bus.connected else "NATS is not connected"
        found = {"name": "tickbus", "checks": [], "version": version("tickbus")}
        if problem:
            return answer(503, {**found, "status": "fail", "message": problem, "error": problem})
        return answer(200, {**found, "status": "pass", "message": "ready for writes"})

    return routes
