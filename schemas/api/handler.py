"""A topic handler: what defines it, and how it is shown."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from schemas.api.task import LinkSchema


class HandlerRequestSchema(Schema):
    """POST …/handlers and PUT …/handlers/ID: unknown keys are ignored and null counts as left out.

    PUT takes the whole handler; another id in it renames the handler.
    """

    class Meta:
        unknown = EXCLUDE

    id = fields.String(load_default="", metadata={"doc": "Letters, digits, '-', '.' and '_'."})
    kind = fields.String(load_default="", metadata={"doc": "What it does: `tickbus handlers` lists the kinds."})
    options = fields.Dict(
        keys=fields.String(),
        load_default=None,
        allow_none=True,
        metadata={"doc": "Of its kind: `tickbus handlers KIND` tells them. Durations are ints, in ns."},
    )
    match = fields.String(
        load_default="",
        metadata={"doc": "A lambda that events must fulfil, as `level() >= WARNING AND \"host\" == 'a'`."},
    )

    @pre_load
    def without_nulls(self, data: Any, **kwargs: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


class PatchOperationSchema(Schema):
    """One operation of a JSON patch (RFC 6902) of a handler."""

    op = fields.String(required=True, validate=validate.OneOf(("add", "remove", "replace", "move", "copy", "test")))
    path = fields.String(required=True, metadata={"doc": "Of what is to change: /match, /options/url."})
    value = fields.Raw(allow_none=True, metadata={"doc": "What it becomes."})
    from_ = fields.String(data_key="from", metadata={"doc": "Where it comes from, on move and copy."})


class ListHandlersSchema(Schema):
    """The parameters of GET …/handlers."""

    class Meta:
        unknown = EXCLUDE

    pattern = fields.String(load_default="", metadata={"doc": "A pattern as of Go's path.Match, for ids."})


class HandlerSchema(Schema):
    """A topic handler as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    kind = fields.String()
    options = fields.Dict(keys=fields.String(), allow_none=True, metadata={"doc": "As they were given."})
    match = fields.String()


class HandlerListSchema(Schema):
    """The handlers of a topic, by id."""

    link = fields.Nested(LinkSchema)
    topic = fields.String()
    handlers = fields.List(fields.Nested(HandlerSchema))
