"""The resource /lint: what is wrong with a script."""

from __future__ import annotations

from schemas.api.scripts.reference import FindingsSchema, LintSchema
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.reference import Reference


def resource(reference: Reference) -> Resource:
    """Asking for it."""

    async def run(request: OperationRequest) -> Reply:
        return 200, await reference.findings(request.body)

    return Resource(
        "lint",
        [
            Operation(
                kind="lint",
                verb="run",
                method="POST",
                path="/lint",
                about="Look for mistakes in a script, as `tickbus lint` does. Nothing is kept, and nothing runs.",
                body=LintSchema,
                answers={200: FindingsSchema},
                run=run,
            )
        ],
    )
