"""The resource /alerts/history: changes of alerts' levels."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from schemas.api.inspections.inspection import Moment
from schemas.api.oncall.silence import MatcherSchema
from schemas.api.oncall.transition import ListTransitionsSchema, TransitionListSchema
from schemas.requests.alerting import LEVELS, MOST_TRANSITIONS
from services.alertlog.matchers import matcher
from services.gateway.clients.alerting import AlertingClient
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.queries.listing import load

_ALWAYS = (-(1 << 63) + 1, (1 << 63) - 1)
_MATCHER = MatcherSchema()


def resource(alerting: AlertingClient) -> Resource:
    """What can be asked of them."""
    return Resource("alert_history", _operations(alerting))


def _operations(alerting: AlertingClient) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        given = load(ListTransitionsSchema(), _lists(request.parameters))
        if not 1 <= given["limit"] <= MOST_TRANSITIONS:
            raise OperationError(400, f"invalid limit parameter: must be 1 to {MOST_TRANSITIONS}")
        page = await alerting.transitions(
            matchers=[_matcher(text) for text in given["match"]],
            first=_time("from", given["from_"], max(0, _ALWAYS[0])),
            last=_time("to", given["to"], _ALWAYS[1]),
            behind=_place(given["after"]),
            limit=given["limit"],
        )
        after = "-".join(map(str, page["after"]))
        before = {"link": {"rel": "self", "href": request.link}, "next": after}
        return 200, streamed_list("transitions", page["transitions"], _show, before)

    return [
        Operation(
            kind="transition",
            verb="list",
            method="GET",
            path="/alerts/history",
            about="Changes of alerts' levels, the latest first, for as long as they are kept (`alert-max-age` in "
            "[nats]). A page may hold less than it could, and there is more, where `next` says so.",
            parameters=ListTransitionsSchema,
            answers={200: TransitionListSchema},
            run=list_,
        )
    ]


def _lists(parameters: Any) -> Any:
    """The parameters with `match` as a list: over the bus it may be one text."""
    if isinstance(parameters, dict) and isinstance(parameters.get("match"), str):
        return {**parameters, "match": [parameters["match"]]}
    return parameters


def _matcher(text: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = _MATCHER.load(text)  # type: ignore[arg-type]  # it takes texts as well
        matcher(**read)
        return read
    except ValidationError as error:
        raise OperationError(400, f"invalid match parameter: {_first(error.messages)}") from error
    except ValueError as error:
        raise OperationError(400, f"invalid match parameter: {error}") from error


def _first(problem: Any) -> Any:
    if isinstance(problem, dict):
        return _first(next(iter(problem.values())))
    return problem[0] if isinstance(problem, list) else problem


def _time(name: str, text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        at: int = Moment().deserialize(text)
    except ValidationError as error:
        raise OperationError(400, f"invalid {name} parameter: {error.messages[0]}") from error
    return max(0, at)


def _place(text: str) -> list[int]:
    if not text:
        return []
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        raise OperationError(400, "invalid after parameter: it is not what `next` of a page says")
    return [int(part) for part in parts]


def _show(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **{key: one[key] for key in ("topic", "id", "task", "name", "tags")},
        "level": LEVELS[one["level"]],
        "previousLevel": LEVELS[one["previous"]],
        "time": format_rfc3339(one["time"]),
        "stored": format_rfc3339(one["stored"]),
        "duration": format_go_duration(one["duration"]),
        "message": one["message"],
        "silenced": one["silenced"],
    }
