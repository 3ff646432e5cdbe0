"""What recorders are asked of recordings, replays, traces and backtests."""

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


class InspectionProgressSchema(Message):
    """How far a trace or a backtest is."""

    progress = fields.Float(required=True, metadata={"doc": "0 to 1."})


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


class ResultsRequestSchema(ListRequestSchema):
    """Which lines of what a replay, a trace or a backtest has found."""

    offset = fields.Integer(required=True)
    limit = fields.Integer(required=True)


class ResultsSchema(Message):
    """Lines of it."""

    rows = fields.List(fields.Raw(), required=True)
    next = fields.Integer(required=True, metadata={"doc": "The offset of the line behind them."})
    count = fields.Integer(required=True, metadata={"doc": "How many there are by now."})
    left_out = fields.Integer(required=True, metadata={"doc": "How many more were found than there is room for."})


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
    """What was found out, as schemas.api.inspections.why has it."""

    status = fields.Integer(required=True, metadata={"doc": "As over HTTP: 200, or why it cannot be told."})
    error = fields.String(required=True, metadata={"doc": "Why it cannot be told; empty where it can."})
    explanation = fields.Dict(required=True, metadata={"doc": "Empty where it cannot be told."})


class HistoryRequestSchema(Message):
    """Of which task."""

    task = fields.String(load_default="", metadata={"doc": "Empty: of all, without each of their states."})


class LogPlaceSchema(Message):
    """A place in a stream."""

    sequence = fields.Integer(required=True)
    time = fields.Integer(required=True, metadata={"doc": "When what is there was stored, ns; 0: there is nothing."})


class StreamReachSchema(Message):
    """How far back a stream goes."""

    first = fields.Nested(LogPlaceSchema, required=True)
    last = fields.Nested(LogPlaceSchema, required=True)
    messages = fields.Integer(required=True)
    bytes = fields.Integer(required=True)


class KeptStateSchema(Message):
    """A state that is kept."""

    position = fields.Integer(required=True, metadata={"doc": "Its place in WRITES."})
    until = fields.Integer(required=True, metadata={"doc": "Up to where it stands for, as it has not changed."})
    time = fields.Integer(required=True, metadata={"doc": "When what is at its place was stored, ns."})
    kept = fields.Integer(required=True, metadata={"doc": "When it was kept, ns."})
    enabled = fields.Integer(required=True, metadata={"doc": "Of its run: the event that enabled it."})
    began = fields.Integer(required=True, metadata={"doc": "Of its run: when that was, ns."})
    why = fields.String(required=True)
    bytes = fields.Integer(required=True)
    part = fields.Integer(load_default=None, allow_none=True, metadata={"doc": "Of which part; null: of the whole."})
    parts = fields.Integer(load_default=1, metadata={"doc": "Of how many the task was in."})


class TaskHistorySchema(Message):
    """What is kept of a task."""

    task = fields.String(required=True)
    states = fields.Integer(required=True)
    runs = fields.Integer(required=True)
    bytes = fields.Integer(required=True, metadata={"doc": "What several states share is counted once."})
    oldest = fields.Nested(LogPlaceSchema, required=True)
    newest = fields.Nested(LogPlaceSchema, required=True)
    ended = fields.Boolean(required=True, metadata={"doc": "The newest is of a run that has stopped."})
    points = fields.List(fields.Nested(KeptStateSchema), metadata={"doc": "Where one task is asked for."})


class HistorySchema(Message):
    """How far back everything goes."""

    writes = fields.Nested(StreamReachSchema, required=True)
    alerts = fields.Nested(StreamReachSchema, required=True)
    events = fields.Nested(StreamReachSchema, required=True)
    bytes = fields.Integer(required=True, metadata={"doc": "That the states of the past take on NATS."})
    tasks = fields.List(fields.Nested(TaskHistorySchema), required=True)


RECORDING_PROGRESS = Request("recording.progress.{id}", NothingSchema, RecordingProgressSchema)
REPLAY_PROGRESS = Request("replay.progress.{id}", NothingSchema, ReplayProgressSchema)
TRACE_PROGRESS = Request("trace.progress.{id}", NothingSchema, InspectionProgressSchema)
BACKTEST_PROGRESS = Request("backtest.progress.{id}", NothingSchema, InspectionProgressSchema)
INSPECTION_PROGRESS = {"trace": TRACE_PROGRESS, "backtest": BACKTEST_PROGRESS}
PROGRESS = {"recording": RECORDING_PROGRESS, "replay": REPLAY_PROGRESS, **INSPECTION_PROGRESS}
"""Answered by the recorder that is at it. By kind."""
RECORDER_LIST = Request("recorder.list", ListRequestSchema, ListedSchema)
RECORDER_EXPORT = Request("recorder.export", ExportRequestSchema, Octets())
"""A chunk as a part of a recording's file as Kapacitor keeps it; nothing behind the last one."""
RECORDER_RESULTS = Request("recorder.results", ResultsRequestSchema, ResultsSchema)
RECORDER_WHY = Request("recorder.why", WhyRequestSchema, ExplainedSchema)
RECORDER_WHY_NOT = Request("recorder.why-not", WhyNotRequestSchema, ExplainedSchema)
EXPLAIN_SECONDS = 120.0
"""For how long an explanation is waited for, and worked on."""
RECORDER_HISTORY = Request("recorder.history", HistoryRequestSchema, HistorySchema)
"""How far back the log goes, and the states that workers have kept."""
