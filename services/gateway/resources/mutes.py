"""The resource /mutes."""

from __future__ import annotations

import time
from typing import Any

from grammar.golang.quoting import quote
from grammar.golang.times import format_rfc3339
from schemas.api.oncall.mute import STATES, ListMutesSchema, MuteListSchema, MuteRequestSchema, MuteSchema
from services.alertlog.oncall.time_intervals import common, time_interval
from services.gateway.commands.oncall.matchers import worded
from services.gateway.commands.oncall.mutes import MuteCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.queries.listing import Page, load
from services.gateway.readmodels.oncall import OnCallReadModel
from services.store.folds.oncall.mutes import MuteRecord


def resource(commands: MuteCommands, state: OnCallReadModel) -> Resource:
    """What can be done with mutes."""
    return Resource("mutes", _operations(commands, state))


def _operations(commands: MuteCommands, state: OnCallReadModel) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        given = load(ListMutesSchema(), request.parameters)
        wanted, now = given["status"], time.time_ns()
        if wanted and wanted not in STATES:
            raise OperationError(400, f"invalid status parameter: {quote(wanted)} is none of {', '.join(STATES)}")
        shown = {one.id: _show(one, now) for one in state.mutes()}
        found = {id: one for id, one in shown.items() if wanted in ("", one["status"])}
        return 200, streamed_list("mutes", Page(given).of(found), found.__getitem__)

    async def create(request: OperationRequest) -> Reply:
        return 200, _show(await commands.create(request.body), time.time_ns())

    async def get(request: OperationRequest) -> Reply:
        record = state.mute(request.id)
        if record is None:
            raise OperationError(404, f"no mute exists with the id {quote(request.id)}")
        return 200, _show(record, time.time_ns())

    async def update(request: OperationRequest) -> Reply:
        return 200, _show(await commands.update(request.id, request.body), time.time_ns())

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.id)
        return 204, None

    return [
        Operation(
            kind="mute",
            verb="list",
            method="GET",
            path="/mutes",
            about="Mutes, by id.",
            parameters=ListMutesSchema,
            answers={200: MuteListSchema},
            run=list_,
        ),
        Operation(
            kind="mute",
            verb="create",
            method="POST",
            path="/mutes",
            about="Have alerts not sent that fit all matchers, in windows that come again, to any handler or to some. "
            "They are still recorded and shown; what is not OK at the end of a window, or was told before and is OK "
            "since, is told once then.",
            body=MuteRequestSchema,
            answers={200: MuteSchema},
            run=create,
        ),
        Operation(
            kind="mute",
            verb="get",
            method="GET",
            path="/mutes/{id}",
            about="A mute.",
            answers={200: MuteSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="mute",
            verb="update",
            method="PATCH",
            path="/mutes/{id}",
            about="Change a mute. What is left out stays.",
            body=MuteRequestSchema,
            answers={200: MuteSchema},
            errors=(400, 404),
            run=update,
        ),
        Operation(
            kind="mute",
            verb="delete",
            method="DELETE",
            path="/mutes/{id}",
            about="End a mute. No error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]


def _show(record: MuteRecord, now: int) -> dict[str, Any]:
    active, until = _standing(record, now)
    return {
        "link": {"rel": "self", "href": f"{BASE}/mutes/{record.id}"},
        "id": record.id,
        "status": STATES[0] if active else STATES[1],
        "until": format_rfc3339(until) if active else "",
        "matchers": list(map(worded, record.matchers)),
        "handlers": list(record.handlers),
        "intervals": [{key: value for key, value in one.items() if value} for one in record.intervals],
        "created": format_rfc3339(record.created),
        "created-by": record.created_by,
        "comment": record.comment,
    }


def _standing(record: MuteRecord, now: int) -> tuple[bool, int]:
    """Whether it mutes at this time, and until when at least (ns)."""
    try:
        _, until, inside = common(time_interval(one).segment(now) for one in record.intervals)
    except ValueError:
        return False, 0  # anybody may publish to the bus; and another gateway may know other time zones
    return inside, until
