"""Why an alert was raised, and why none was."""

from __future__ import annotations

from marshmallow import ValidationError

from grammar.golang.durations import parse_go_duration
from schemas.api.inspections.inspection import Moment
from schemas.api.inspections.why import WITHIN, AskWhyNotSchema, AskWhySchema, WhyNotSchema, WhySchema
from services.gateway.clients.recorder import RecorderClient
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.parameters import tags_of, text

_LONGEST = 3600 * 10**9


def resource(recorder: RecorderClient) -> Resource:
    """What can be asked of the past."""
    return Resource("why", _operations(recorder))


def _operations(recorder: RecorderClient) -> list[Operation]:
    async def why(request: OperationRequest) -> Reply:
        at = _time(request, "at") if request.parameters.get("at") else None
        return 200, await recorder.why(request.names["topic"], request.id, at)

    async def why_not(request: OperationRequest) -> Reply:
        at, within = _time(request, "at"), _duration(request)
        return 200, await recorder.why_not(request.id, tags_of(text(request, "group")), at, within)

    return [
        Operation(
            kind="topic",
            verb="why",
            method="GET",
            path="/alerts/topics/{topic}/events/{id}/why",
            slashes=True,
            about="Why the level of an alert changed: the point that caused it, and its way through the task's nodes.",
            parameters=AskWhySchema,
            answers={200: WhySchema},
            errors=(400, 404, 409, 410),
            run=why,
        ),
        Operation(
            kind="task",
            verb="why-not",
            method="GET",
            path="/tasks/{id}/why-not",
            slashes=True,
            about="How far the points of a group got at a time, and at which nodes they ended.",
            parameters=AskWhyNotSchema,
            answers={200: WhyNotSchema},
            errors=(400, 404, 409, 410),
            run=why_not,
        ),
    ]


def _time(request: OperationRequest, name: str) -> int:
    given = request.parameters.get(name)
    if not given:
        raise OperationError(400, f"{name}: give a time in RFC 3339, or ns since 1970")
    try:
        at: int = Moment().deserialize(given)
    except ValidationError as error:
        raise OperationError(400, f"{name}: {error.messages[0]}") from error
    return at


def _duration(request: OperationRequest) -> int:
    given = text(request, "within") or WITHIN
    try:
        within = parse_go_duration(given)
    except ValueError as error:
        raise OperationError(400, f"within: {given!r} is no duration as 10s or 1m30s") from error
    if not 0 <= within <= _LONGEST:
        raise OperationError(400, "within: at most 1h")
    return within
