"""Events about what load directories declare: `tickbus.event.load.<kind>/<name>.<what>`, published by gateways.

kind is `template`, `task` or `handler`, name its id, of a handler TOPIC/ID. What was declared by a file and is declared
no more is to be deleted: that is what these are kept for.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

KINDS = ("template", "task", "handler")


class DeclaredSchema(Schema):
    """`declared`: a file says that this shall be. It is published before what it says is done."""

    class Meta:
        unknown = EXCLUDE

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    name = fields.String(required=True)
    file = fields.String(required=True, metadata={"doc": "Its path below the directory."})


class WithdrawnSchema(Schema):
    """`withdrawn`: no file says so any more, and it was deleted."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"declared": DeclaredSchema, "withdrawn": WithdrawnSchema}
"""By the event's `what`."""
