"""What recorders are asked of recordings and replays."""

from __future__ import annotations

from marshmallow import fields

from schemas.requests.engine import StatsSchema
from schemas.requests.request import Message, NothingSchema, Request
from schemas.requests.shape import Octets


class RecordingProgressSchema(Message):
    """How far a recording is."""

    progress = fields.Float(required=True, metadata={"doc": "0 to 1."})
    size = fields.Integer(required=True, metadata={"doc": "Bytes it takes so far."})


class ReplayProgressSchema(Message):
    """How far a replay is."""

    progress = fields.Float(required=True, metadata={"doc": "0 to 1."})
    stats = fields.Nested(StatsSchema, required=True)


class ListRequestSchema(Message):
    """Which recording."""

    sequence = fields.Integer(required=True, metadata={"doc": "Of the event that defined it."})


class ListedSchema(Message):
    """The parts of a recording."""

    streams = fields.Integer(
        required=True, metadata={"doc": "How many query nodes it is of; 0 where it is of a stream."}
    )
    chunks = fields.List(fields.Integer(), required=True, metadata={"doc": "Of which of them each chunk is."})


class ExportRequestSchema(ListRequestSchema):
    """Which chunk of which recording."""

    chunk = fields.Integer(required=True)


class WhyRequestSchema(Message):
    """Which change of which alert's level."""

    topic = fields.String(required=True)
    id = fields.String(required=True)
    at = fields.Integer(load_default=None, allow_none=True, metadata={"doc": "ns; null: the last there is."})


class WhyNotRequestSchema(Message):
    """Which points of which task."""

    task = fields.String(required=True)
    tags = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    at = fields.Integer(required=True, metadata={"doc": "ns"})
    within = fields.Integer(required=True, metadata={"doc": "ns around it."})


class ExplainedSchema(Message):
    """What was found out, as schemas.api.why has it."""

    status = fields.Integer(required=True, metadata={"doc": "As over HTTP: 200, or why it cannot be told."})
    error = fields.String(required=True, metadata={"doc": "Why it cannot be told; empty where it can."})
    explanation = fields.Dict(required=True, metadata={"doc": "Empty where it cannot be told."})


RECORDING_PROGRESS = Request("recording.progress.{id}", NothingSchema, RecordingProgressSchema)
REPLAY_PROGRESS = Request("replay.progress.{id}", NothingSchema, ReplayProgressSchema)
PROGRESS = {"recording": RECORDING_PROGRESS, "replay": REPLAY_PROGRESS}
"""Answered by the recorder that is at it. By kind."""
RECORDER_LIST = Request("recorder.list", ListRequestSchema, ListedSchema)
RECORDER_EXPORT = Request("recorder.export", ExportRequestSchema, Octets())
"""A chunk as a part of a recording's file as Kapacitor keeps it; nothing behind the last one."""
RECORDER_WHY = Request("recorder.why", WhyRequestSchema, ExplainedSchema)
RECORDER_WHY_NOT = Request("recorder.why-not", WhyNotRequestSchema, ExplainedSchema)
