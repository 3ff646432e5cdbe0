"""The resource /alerts/report: what a time was like."""

from __future__ import annotations

import time
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.quoting import quote
from grammar.golang.times import format_rfc3339
from schemas.api.oncall.report import BY, ReportParametersSchema, ReportSchema
from schemas.requests.alerting import LEVELS, MOST_REPORT_ROWS
from services.gateway.clients.alerting import AlertingClient
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.operations.text_body import TextBody
from services.gateway.queries.listing import load
from services.gateway.queries.transitions.as_csv import CONTENT_TYPE, report_csv
from services.gateway.queries.transitions.asked import as_texts, limit_of, matcher_of, time_of, wants_csv

_DAY = 86400 * 10**9
_USUAL = 1000


def resource(alerting: AlertingClient) -> Resource:
    """What can be asked."""
    return Resource("alert_report", _operations(alerting))


def _operations(alerting: AlertingClient) -> list[Operation]:
    async def report(request: OperationRequest) -> Reply:
        given = load(ReportParametersSchema(), as_texts(request.parameters))
        as_csv = wants_csv(given["format"], request.accept)
        limit = limit_of(given["limit"], _USUAL, MOST_REPORT_ROWS)
        until = min(time_of("until", given["until"], time.time_ns()), time.time_ns())
        since = time_of("since", given["since"], max(0, until - _DAY))
        if since >= until:
            raise OperationError(400, "invalid since parameter: it is not before until and now")
        found = await alerting.report(
            matchers=[matcher_of(text) for text in given["match"]],
            since=since,
            until=until,
            by=_by(given["by"]),
            limit=limit,
        )
        if found["too_many"]:
            raise OperationError(400, "there are too many changes since then: ask for a later time")
        if as_csv:
            return 200, TextBody(CONTENT_TYPE, report_csv(map(_show, found["rows"])))
        before = {
            "link": {"rel": "self", "href": request.link},
            "since": format_rfc3339(since),
            "until": format_rfc3339(until),
            "by": given["by"],
            "left": found["left"],
        }
        return 200, streamed_list("rows", found["rows"], _show, before)

    return [
        Operation(
            kind="transition",
            verb="report",
            method="GET",
            path="/alerts/report",
            about="How often alerts changed their level in a time, and for how long they were not OK, added up by "
            "topic, alert, task, measurement or tag; what was not OK for longest first. Of what lies before the oldest "
            "change that is kept (`alert-max-age` in [nats]) nothing is known.",
            parameters=ReportParametersSchema,
            answers={200: ReportSchema},
            also=("text/csv",),
            run=report,
        )
    ]


def _by(text: str) -> str:
    if text not in BY and not (text.startswith("tag:") and text != "tag:"):
        raise OperationError(400, f"invalid by parameter: {quote(text)} is none of {', '.join(BY)} and tag:NAME")
    return text


def _show(row: dict[str, Any]) -> dict[str, Any]:
    times = zip(LEVELS[1:], row["time"][1:], strict=True)
    return {
        "of": row["of"],
        **({"topic": row["topic"]} if row["topic"] else {}),
        "alerts": row["alerts"],
        "changes": dict(zip(LEVELS, row["changes"], strict=True)),
        "time": {level: format_go_duration(lasted) for level, lasted in times},
        "held": row["held"],
    }
