"""Events about traces: `tickbus.event.trace.<id>.<what>`, by gateways and recorders; see inspection.py."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.api.task import DefinitionSchema
from schemas.events.inspection import DefinedInspectionSchema, DeletedSchema, FailedSchema, FinishedSchema
from schemas.events.numbers import sequence


class DefinedSchema(DefinedInspectionSchema):
    """`defined`: a task is to be run over a part of the log, and looked at."""

    task = fields.String(required=True)
    definition = fields.Nested(
        DefinitionSchema,
        load_default=None,
        allow_none=True,
        metadata={"doc": "The task as it was when that was asked for; null: there was none any more."},
    )
    node = fields.String(load_default="", metadata={"doc": "By its name; empty: all."})
    group = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict, metadata={"doc": "Tags."})
    where = fields.String(load_default="", metadata={"doc": "An expression of TICKscript; empty: all."})
    limit = sequence(load_default=0, metadata={"doc": "Of lines; 0: as many as results hold."})


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "finished": FinishedSchema,
    "failed": FailedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
