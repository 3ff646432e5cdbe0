"""The resource /alerts/history: changes of alerts' levels."""

from __future__ import annotations

from schemas.api.oncall.transition import ListTransitionsSchema, TransitionListSchema
from schemas.requests.alerting import MOST_TRANSITIONS
from services.gateway.clients.alerting import AlertingClient
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.operations.text_body import TextBody
from services.gateway.queries.listing import load
from services.gateway.queries.transitions.as_csv import CONTENT_TYPE, transitions_csv
from services.gateway.queries.transitions.asked import as_texts, limit_of, matcher_of, time_of, wants_csv
from services.gateway.queries.transitions.view import show_transition

_LAST = (1 << 63) - 1  # ns
_USUAL = 100


def resource(alerting: AlertingClient) -> Resource:
    """What can be asked of them."""
    return Resource("alert_history", _operations(alerting))


def _operations(alerting: AlertingClient) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        given = load(ListTransitionsSchema(), as_texts(request.parameters))
        as_csv = wants_csv(given["format"], request.accept)
        limit = limit_of(given["limit"], _USUAL, MOST_TRANSITIONS)
        page = await alerting.transitions(
            matchers=[matcher_of(text) for text in given["match"]],
            first=time_of("from", given["from_"], 0),
            last=time_of("to", given["to"], _LAST),
            behind=_place(given["after"]),
            limit=limit,
        )
        after = "-".join(map(str, page["after"]))
        if as_csv:
            shown = map(show_transition, page["transitions"])
            return 200, TextBody(CONTENT_TYPE, transitions_csv(shown), _next(request.link, after))
        before = {"link": {"rel": "self", "href": request.link}, "next": after}
        return 200, streamed_list("transitions", page["transitions"], show_transition, before)

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
            also=("text/csv",),
            run=list_,
        )
    ]


def _next(link: str, after: str) -> dict[str, str]:
    """The header that leads to the page behind, where there is one."""
    if not after:
        return {}
    path, _, query = link.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in ("after", "format")]
    return {"Link": f'<{path}?{"&".join([*kept, "format=csv", f"after={after}"])}>; rel="next"'}


def _place(text: str) -> list[int]:
    if not text:
        return []
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
        raise OperationError(400, "invalid after parameter: it is not what `next` of a page says")
    return [int(part) for part in parts]
