"""Events about recordings: `tickbus.event.recording.<id>.<what>`, published by gateways and recorders.

Each is published with the last sequence of `tickbus.event.recording.<id>.*` that its publisher knew, so that of two
changes decided on the same state only one is stored. The sequence of `defined` names the recording in the object store,
where what it holds is kept: an id may be used again once its recording is deleted.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.task import TYPES, DbrpSchema, DefinitionSchema
from schemas.events.numbers import sequence, time_ns

SOURCES = ("stream", "batch", "query", "import")


class _Recording(Schema):
    class Meta:
        unknown = EXCLUDE


class DefinedSchema(_Recording):
    """`defined`: it is to be made, from the writes after `position` on, or of what is asked for or brought."""

    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    source = fields.String(required=True, validate=validate.OneOf(SOURCES))
    task = fields.String(load_default="")
    task_type = fields.String(load_default="", data_key="task-type")
    definition = fields.Nested(
        DefinitionSchema, load_default=None, allow_none=True, metadata={"doc": "Of batch: the task as it was then."}
    )
    dbrps = fields.List(fields.Nested(DbrpSchema), load_default=list)
    measurements = fields.List(
        fields.String(), load_default=None, allow_none=True, metadata={"doc": "null: all of them."}
    )
    position = sequence(load_default=0)
    start = time_ns(load_default=0, metadata={"doc": "ns since 1970."})
    stop = time_ns(load_default=0, metadata={"doc": "ns since 1970."})
    query = fields.String(load_default="")
    cluster = fields.String(load_default="")
    object = fields.String(load_default="", metadata={"doc": "Of an import: the object that holds the file."})


class FinishedSchema(_Recording):
    """`finished`: it is whole."""

    size = sequence(required=True)


class FailedSchema(_Recording):
    """`failed`: it has ended before it was whole; what there is of it stays."""

    size = sequence(required=True)
    error = fields.String(required=True)


class DeletedSchema(_Recording):
    """`deleted`: it is no more."""


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "finished": FinishedSchema,
    "failed": FailedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
