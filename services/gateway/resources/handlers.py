"""The resource /alerts/topics/TOPIC/handlers."""

from __future__ import annotations

import posixpath
from typing import Any

from grammar.gotemplate.strconv import quote
from schemas.api.handler import (
    HandlerListSchema,
    HandlerRequestSchema,
    HandlerSchema,
    ListHandlersSchema,
    PatchOperationSchema,
)
from services.gateway.answers import BASE
from services.gateway.commands.handlers import HandlerCommands
from services.gateway.commands.refusal import Refusal
from services.gateway.handler_state import HandlerState
from services.gateway.operation import Operation, Question, Reply
from services.gateway.resources.parameters import pattern
from services.store.projections.tasks import Record

_HANDLERS = "/alerts/topics/{topic}/handlers"
_HANDLER = f"{_HANDLERS}/{{id}}"


def operations(commands: HandlerCommands, state: HandlerState) -> list[Operation]:
    """What can be done with the handlers of topics."""

    async def list_(asked: Question) -> Reply:
        topic, fits = asked.names["topic"], pattern(asked)
        shown = [_show(topic, one) for one in state.of(topic) if fits is None or fits.matches(one["id"])]
        return 200, {"link": {"rel": "self", "href": asked.link}, "topic": topic, "handlers": shown}

    async def create(asked: Question) -> Reply:
        topic = asked.names["topic"]
        return 200, _show(topic, await commands.create(topic, asked.body))

    async def get(asked: Question) -> Reply:
        record = state.get(asked.names["topic"], asked.id)
        if record is None:
            raise Refusal(404, f"unknown handler: {quote(asked.id)}")
        return 200, _show(asked.names["topic"], record)

    async def replace(asked: Question) -> Reply:
        topic = asked.names["topic"]
        return 200, _show(topic, await commands.replace(topic, asked.id, asked.body))

    async def update(asked: Question) -> Reply:
        topic = asked.names["topic"]
        return 200, _show(topic, await commands.patch(topic, asked.id, asked.body))

    async def delete(asked: Question) -> Reply:
        await commands.delete(asked.names["topic"], asked.id)
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
            errors=(400, 500),
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
            errors=(400, 404, 500),
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
            errors=(400, 404, 500),
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


def _show(topic: str, record: Record) -> dict[str, Any]:
    href = posixpath.normpath(f"{BASE}/alerts/topics/{topic}/handlers/{record['id']}")
    shown = {key: record[key] for key in ("id", "kind", "options", "match")}
    return {"link": {"rel": "self", "href": href}, **shown}
