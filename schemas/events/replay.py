"""Events about replays: `tickbus.event.replay.<id>.<what>`, published by gateways and recorders.

Each is published with the last sequence of `tickbus.event.replay.<id>.*` that its publisher knew. Each names the task:
the alerting service knows a replay's run as `<replay id>:<task id>`, where a live task's is its id.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.replay import CLOCKS
from schemas.api.task import DefinitionSchema
from schemas.events.numbers import sequence, time_ns

SOURCES = ("recording", "batch", "query")


class _Replay(Schema):
    class Meta:
        unknown = EXCLUDE

    task = fields.String(required=True)


class DefinedSchema(_Replay):
    """`defined`: it is to be run, with the task as it was then."""

    source = fields.String(required=True, validate=validate.OneOf(SOURCES))
    definition = fields.Nested(DefinitionSchema, required=True)
    recording = fields.String(load_default="")
    recording_sequence = sequence(
        data_key="recording-sequence", load_default=0, metadata={"doc": "Of the event that defined the recording."}
    )
    recording_time = fields.Boolean(data_key="recording-time", required=True)
    clock = fields.String(required=True, validate=validate.OneOf(CLOCKS))
    start = time_ns(load_default=0, metadata={"doc": "ns since 1970."})
    stop = time_ns(load_default=0, metadata={"doc": "ns since 1970."})
    query = fields.String(load_default="")
    cluster = fields.String(load_default="")


class DryDefinedSchema(DefinedSchema):
    """`defined-dry`: it is to be run without side effects, with the task as it was then.

    Not a key of `defined`, which a recorder of an earlier version would overlook.
    """


class StartedSchema(_Replay):
    """`started`: a recorder runs it; again whenever one begins it anew after another has died."""

    worker = fields.String(required=True)
    zero = time_ns(required=True, metadata={"doc": "ns since 1970: the moment that its first point stands for."})
    alerts = fields.List(
        fields.Raw(), load_default=list, metadata={"doc": "For each alert node its topics and handlers."}
    )


class FinishedSchema(_Replay):
    """`finished`: all of the recording has gone through the task, and what came of it is handled or given up."""

    stats = fields.Raw(required=True, metadata={"doc": "See schemas.requests.engine.StatsSchema."})


class FailedSchema(_Replay):
    """`failed`: it could not start, or has ended before the recording did."""

    error = fields.String(required=True)


class DeletedSchema(_Replay):
    """`deleted`: it is no more; if it ran it is to stop."""


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "defined-dry": DryDefinedSchema,
    "started": StartedSchema,
    "finished": FinishedSchema,
    "failed": FailedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
