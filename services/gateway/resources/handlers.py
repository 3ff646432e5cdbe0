"""The resource /alerts/topics/TOPIC/handlers."""

from __future__ import annotations

import posixpath
from typing import Any

from grammar.golang.quoting import quote
from schemas.api.handler import (
    HandlerListSchema,
    HandlerRequestSchema,
    HandlerSchema,
    ListHandlersSchema,
    PatchOperationSchema,
)
from services.gateway.commands.handlers import HandlerCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE, one_segment
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.queries.parameters import pattern
from services.gateway.readmodels.handlers import HandlerReadModel
from services.store.folds.event_data import Plain

_HANDLERS = "/alerts/topics/{topic}/handlers"
_HANDLER = f"{_HANDLERS}/{{id}}"


def resource(commands: HandlerCommands, state: HandlerReadModel) -> Resource:
    """What can be done with the handlers of topics."""
    return Resource("handlers", _operations(commands, state))


def _operations(commands: HandlerCommands, state: HandlerReadModel) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        topic, fits = request.names["topic"], pattern(request)
        chosen = [one for one in state.of(topic) if fits is None or fits.matches(one.id)]
        before = {"link": {"rel": "self", "href": request.link}, "topic": topic}
        return 200, streamed_list("handlers", chosen, lambda one: _show(topic, one.spec()), before)

    async def create(request: OperationRequest) -> Reply:
        topic = request.names["topic"]
        return 200, _show(topic, await commands.create(topic, request.body))

    async def get(request: OperationRequest) -> Reply:
        record = state.get(request.names["topic"], request.id)
        if record is None:
            raise OperationError(404, f"unknown handler: {quote(request.id)}")
        return 200, _show(request.names["topic"], record.spec())

    async def replace(request: OperationRequest) -> Reply:
        topic = request.names["topic"]
        return 200, _show(topic, await commands.replace(topic, request.id, request.body))

    async def update(request: OperationRequest) -> Reply:
        topic = request.names["topic"]
        return 200, _show(topic, await commands.patch(topic, request.id, request.body))

    async def delete(request: OperationRequest) -> Reply:
        await commands.delete(request.names["topic"], request.id)
        return 204, None

    return [
        Operation(
            kind="handler",
            verb="list",
            method="GET",
            path=_HANDLERS,
            about="The handlers of a topic, by id; none where there is no such topic.",
            parameters=ListHandlersSchema,
            answers={200: HandlerListSchema},
            run=list_,
        ),
        Operation(
            kind="handler",
            verb="create",
            method="POST",
            path=_HANDLERS,
            about="Give a topic a handler, for all events from now on. 500: the kind or its options cannot be.",
            body=HandlerRequestSchema,
            answers={200: HandlerSchema},
            errors=(400, 403, 500),
            run=create,
        ),
        Operation(
            kind="handler",
            verb="get",
            method="GET",
            path=_HANDLER,
            about="A handler of a topic.",
            answers={200: HandlerSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="handler",
            verb="replace",
            method="PUT",
            path=_HANDLER,
            about="Replace a handler. 500: the kind or its options cannot be, or the id is taken.",
            body=HandlerRequestSchema,
            answers={200: HandlerSchema},
            errors=(400, 403, 404, 500),
            run=replace,
        ),
        Operation(
            kind="handler",
            verb="update",
            method="PATCH",
            path=_HANDLER,
            about="Change a handler by a JSON patch (RFC 6902) of id, kind, options and match. 500: as for PUT.",
            body=[PatchOperationSchema],
            answers={200: HandlerSchema},
            errors=(400, 403, 404, 500),
            run=update,
        ),
        Operation(
            kind="handler",
            verb="delete",
            method="DELETE",
            path=_HANDLER,
            about="Delete a handler; what it was given before is still handled. No error where there is none.",
            answers={204: None},
            run=delete,
        ),
    ]


def _show(topic: str, record: Plain) -> dict[str, Any]:
    href = posixpath.normpath(f"{BASE}/alerts/topics/{one_segment(topic)}/handlers/{record['id']}")
    view = {key: record[key] for key in ("id", "kind", "options", "match")}
    return {"link": {"rel": "self", "href": href}, **view}
