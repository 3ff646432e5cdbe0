"""A trace: how one is asked for, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from schemas.api.inspections.inspection import InspectionRequestSchema, InspectionSchema
from schemas.api.inspections.tags import parse_tags


class TagsField(fields.Dict):
    """Tags with their values, as an object or as `host=a,cpu=0`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, str):
            try:
                value = parse_tags(value)
            except ValueError as error:
                raise self.make_error("invalid") from error
        tags: dict[str, str] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        return tags


class CreateTraceSchema(InspectionRequestSchema):
    """POST /traces, and the command trace.create: a task over a part of the log, looked at node by node."""

    task = fields.String(required=True, validate=validate.Length(min=1), metadata={"doc": "The task; of a stream."})
    node = fields.String(load_default="", metadata={"doc": "By its name in DOT, `window2`; all where it is left out."})
    group = TagsField(
        keys=fields.String(),
        values=fields.String(),
        load_default=dict,
        error_messages={"invalid": "must be tags, as an object or as host=a,cpu=0"},
        metadata={"doc": "Tags that what is shown has, as an object or as `host=a,cpu=0`, escaped as in lines."},
    )
    where = fields.String(
        load_default="",
        metadata={"doc": "An expression as a lambda has it, that holds for a point that is shown, or one of a batch."},
    )
    limit = fields.Integer(
        load_default=0,
        strict=True,
        validate=validate.Range(min=0),
        metadata={"doc": "How many lines are kept at most; 0: as many as there is room for."},
    )


class TraceSchema(InspectionSchema):
    """A trace as it is shown."""

    task = fields.String()
    node = fields.String()
    group = fields.Dict(keys=fields.String(), values=fields.String())
    where = fields.String()
    limit = fields.Integer()


class TraceListSchema(Schema):
    """Traces."""

    traces = fields.List(fields.Nested(TraceSchema))
