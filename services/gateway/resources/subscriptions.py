"""The resource /subscriptions over HTTP.

Kapacitor has InfluxDB send it writes by subscriptions that it makes there. Nothing is subscribed to here: InfluxDB, or
whoever writes, is given the address of /write or of the bus.
"""

from __future__ import annotations

from quart import Blueprint, Response

from services.gateway.answers import answer


def blueprint() -> Blueprint:
    """The route."""
    routes = Blueprint("subscriptions", __name__)

    @routes.post("/subscriptions")
    async def synchronise() -> Response:
        return answer(204)

    return routes
