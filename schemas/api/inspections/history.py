"""How far back everything goes: what is asked for, and how it is shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.task import LinkSchema

REASONS = ("begin", "due", "pause", "end")


class HistoryParametersSchema(Schema):
    """The parameters of GET /history."""

    class Meta:
        unknown = EXCLUDE

    task = fields.String(load_default="", metadata={"doc": "The id of a task: it alone is told of, with each state."})


class PlaceSchema(Schema):
    """A place in a stream."""

    sequence = fields.Integer()
    time = fields.String(allow_none=True, metadata={"doc": "When what is there was stored; null: there is nothing."})


class StreamSchema(Schema):
    """How far back a stream goes."""

    first = fields.Nested(PlaceSchema)
    last = fields.Nested(PlaceSchema)
    messages = fields.Integer()
    bytes = fields.Integer()


class StateSchema(Schema):
    """A state that is kept."""

    position = fields.Integer(metadata={"doc": "Its place in WRITES."})
    until = fields.Integer(metadata={"doc": "Up to where it stands for, as it has not changed."})
    time = fields.String(metadata={"doc": "When what is at its place was stored."})
    kept = fields.String(metadata={"doc": "When it was kept."})
    enabled = fields.Integer(metadata={"doc": "Of its run: the event that enabled the task."})
    began = fields.String(metadata={"doc": "Of its run: when that was."})
    why = fields.String(
        validate=validate.OneOf(REASONS),
        metadata={"doc": "The run began, it was time, a pause of the worker had ended, the run stopped."},
    )
    bytes = fields.Integer(metadata={"doc": "Of the state, whatever of them it shares with others."})
    part = fields.Integer(allow_none=True, metadata={"doc": "Of which part, from 0 on; null: the task ran whole."})
    parts = fields.Integer(metadata={"doc": "In how many it ran."})


class TaskHistorySchema(Schema):
    """What is kept of a task, which may be deleted."""

    id = fields.String()
    states = fields.Integer(metadata={"doc": "How many."})
    runs = fields.Integer(metadata={"doc": "Of how many runs."})
    bytes = fields.Integer(metadata={"doc": "That they take; what several share is counted once."})
    oldest = fields.Nested(PlaceSchema)
    newest = fields.Nested(PlaceSchema, metadata={"doc": "As far as the newest stands for."})
    ended = fields.Boolean(metadata={"doc": "The newest is of a run that has stopped."})
    points = fields.List(fields.Nested(StateSchema), metadata={"doc": "Where one task is asked for: each state."})


class HistorySchema(Schema):
    """The answer of GET /history."""

    link = fields.Nested(LinkSchema)
    writes = fields.Nested(StreamSchema)
    alerts = fields.Nested(StreamSchema)
    events = fields.Nested(StreamSchema)
    bytes = fields.Integer(metadata={"doc": "That all states of the past take on NATS."})
    tasks = fields.List(fields.Nested(TaskHistorySchema))
