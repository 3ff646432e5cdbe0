"""GET and HEAD /healthz and /readyz: whether the server lives, and whether it is ready. They need no credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quart import Blueprint, Response

from schemas.api.readiness import AliveSchema, ReadinessSchema, ReadySchema
from schemas.requests.process import PROCESS_READY
from services.gateway.clients.processes import Processes
from services.gateway.http.answers import RETRY_AFTER_SECONDS, answer
from services.gateway.http.dispatcher import HEALTHZ, READYZ
from services.gateway.http.over_http import described, new_blueprint, parameters
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description
from services.gateway.operations.operation_error import OperationError
from services.process.vitals import Vitals

_OTHERS = ("engine", "alerting", "recorder")


def resource(vitals: Vitals, processes: Processes) -> Resource:
    """The routes."""
    return Resource("readiness", routes=_routes(vitals, processes))


def _routes(vitals: Vitals, processes: Processes) -> Blueprint:
    routes = new_blueprint("readiness", "/")

    @routes.get(HEALTHZ)
    @described(Description(about="Whether this gateway lives.", answers={200: AliveSchema}, errors=()))
    async def alive() -> Response:
        return answer(200, {"service": vitals.service, "alive": True})

    @routes.get(READYZ)
    @described(
        Description(
            about="Whether this gateway is ready: NATS answers, all that was decided is known, writes are taken.",
            parameters=ReadinessSchema,
            answers={200: ReadySchema},
            errors=(),
        )
    )
    async def ready() -> Response:
        lacks = await vitals.lacks()
        if parameters().get("all") == "true":
            lacks = {**lacks, **await _lacked_by_others(processes)}
        told: dict[str, Any] = {"service": vitals.service, "ready": not lacks, "lacks": lacks}
        if not lacks:
            return answer(200, told)
        not_ready = answer(503, {"error": "not ready", **told})
        not_ready.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return not_ready

    return routes


async def _lacked_by_others(processes: Processes) -> Mapping[str, Any]:
    """What the other services lack: a service is there where one of its processes is ready."""
    try:
        answers = await processes.request_all(PROCESS_READY)
    except OperationError as error:
        return {"services": str(error)}
    lacks = {}
    for service in _OTHERS:
        told = [one["lacks"] for one in answers if one["service"] == service]
        if not told:
            lacks[service] = "none answers"
        elif all(told):
            lacks[service] = "; ".join(f"{part}: {reason}" for part, reason in told[0].items())
    return lacks
