"""The resource /service-tests: trying out the services that alerts are sent with."""

from __future__ import annotations

from schemas.api.config import (
    ServiceTestListSchema,
    ServiceTestOptionsSchema,
    ServiceTestResultSchema,
    ServiceTestSchema,
)
from schemas.api.handler import ListHandlersSchema
from services.gateway.commands.service_tests import ServiceTests
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.paths import BASE
from services.gateway.queries.parameters import pattern


def resource(tests: ServiceTests) -> Resource:
    """Listing tests and running one."""
    return Resource("service_tests", _operations(tests))


def _operations(tests: ServiceTests) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        fits = pattern(request, "bad pattern")
        found = [test for test in await tests.all() if fits is None or fits.matches(test["name"])]
        return 200, {"link": {"rel": "self", "href": f"{BASE}/service-tests"}, "services": found or None}

    async def get(request: OperationRequest) -> Reply:
        return 200, await tests.one(request.names["service"])

    async def run(request: OperationRequest) -> Reply:
        return 200, await tests.run(request.names["service"], request.body)

    return [
        Operation(
            kind="service-test",
            verb="list",
            method="GET",
            path="/service-tests",
            about="The services that can be tested, with the options of the tests.",
            parameters=ListHandlersSchema,
            answers={200: ServiceTestListSchema},
            run=list_,
        ),
        Operation(
            kind="service-test",
            verb="get",
            method="GET",
            path="/service-tests/{service}",
            about="One service that can be tested.",
            answers={200: ServiceTestSchema},
            errors=(400, 404),
            run=get,
        ),
        Operation(
            kind="service-test",
            verb="run",
            method="POST",
            path="/service-tests/{service}",
            about="Test a service as it is configured now. That it fails is told in the answer and is no error.",
            body=ServiceTestOptionsSchema,
            answers={200: ServiceTestResultSchema},
            errors=(400, 404),
            run=run,
        ),
    ]
