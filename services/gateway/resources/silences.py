"""The resource /silences."""

from __future__ import annotations

import time
from typing import Any

from grammar.golang.quoting import quote
from grammar.golang.times import format_rfc3339
from schemas.api.oncall.silence import (
    STATES,
    ListSilencesSchema,
    SilenceListSchema,
    SilenceRequestSchema,
    SilenceSchema,
)
from services.gateway.commands.oncall.matchers import worded
from services.gateway.commands.oncall.silences import KEPT_NS, SilenceCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.queries.listing import Page, load
from services.gateway.readmodels.silences import SilenceReadModel
from services.store.folds.silences import SilenceRecord


def resource(commands: SilenceCommands, state: SilenceReadModel) -> Resource:
    """What can be done with silences."""
    return Resource("silences", _operations(commands, state))


def _operations(commands: SilenceCommands, state: SilenceReadModel) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        given = load(ListSilencesSchema(), request.parameters)
        wanted, now = _states(given["status"]), time.time_ns()
        found = {one.id: one for one in state.all() if one.end + KEPT_NS > now and _status(one, now) in wanted}
        return 200, streamed_list(
            "silences", map(found.__getitem__, Page(given).of(found)), lambda one: _show(one, now)
        )

    async def create(request: OperationRequest) -> Reply:
        return 200, _show(await commands.create(request.body), time.time_ns())

    async def get(request: OperationRequest) -> Reply:
        record = state.get(request.id)
        if record is None:
            raise OperationError(404, f"no silence exists with the id {quote(request.id)}")
        return 200, _show(record, time.time_ns())

    async def update(request: OperationRequest) -> Reply:
        return 200, _show(await commands.update(request.id, request.body), time.time_ns())

    async def expire(request: OperationRequest) -> Reply:
        await commands.expire(request.id)
        return 204, None

    return [
        Operation(
            kind="silence",
            verb="list",
            method="GET",
            path="/silences",
            about="Silences, the one that ends last first; those that are over for five days.",
            parameters=ListSilencesSchema,
            answers={200: SilenceListSchema},
            run=list_,
        ),
        Operation(
            kind="silence",
            verb="create",
            method="POST",
            path="/silences",
            about="Have alerts not sent that fit all matchers, for a while. They are still recorded and shown; what is "
            "not OK at the end, or was told before and is OK since, is told once then.",
            body=SilenceRequestSchema,
            answers={200: SilenceSchema},
            run=create,
        ),
        Operation(
            kind="silence",
            verb="get",
            method="GET",
            path="/silences/{id}",
            about="A silence.",
            answers={200: SilenceSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="silence",
            verb="update",
            method="PATCH",
            path="/silences/{id}",
            about="Change a silence that is not over. What is left out stays.",
            body=SilenceRequestSchema,
            answers={200: SilenceSchema},
            errors=(400, 404),
            run=update,
        ),
        Operation(
            kind="silence",
            verb="expire",
            method="DELETE",
            path="/silences/{id}",
            about="End a silence now. No error where there is none, or it is over.",
            answers={204: None},
            run=expire,
        ),
    ]


def _states(given: str) -> set[str]:
    wanted = {one.strip() for one in given.split(",") if one.strip()}
    unknown = sorted(wanted - set(STATES))
    if unknown:
        raise OperationError(400, f"invalid status parameter: {quote(unknown[0])} is none of {', '.join(STATES)}")
    return wanted or set(STATES)


def _status(record: SilenceRecord, now: int) -> str:
    pending, active, expired = STATES
    return expired if record.end <= now else active if record.start <= now else pending


def _show(record: SilenceRecord, now: int) -> dict[str, Any]:
    return {
        "link": {"rel": "self", "href": f"{BASE}/silences/{record.id}"},
        "id": record.id,
        "status": _status(record, now),
        "matchers": list(map(worded, record.matchers)),
        "start": format_rfc3339(record.start),
        "end": format_rfc3339(record.end),
        "created": format_rfc3339(record.created),
        "created-by": record.created_by,
        "comment": record.comment,
    }
