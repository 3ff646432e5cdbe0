"""Why an alert was raised, and why none was: how it is asked, and how it is told."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.requests.alerting import LEVELS

WITHIN = "10s"
"""Around the time that why-not asks about, unless it says so."""
_TIME = "RFC 3339, or ns since 1970"


class _Parameters(Schema):
    class Meta:
        unknown = EXCLUDE


class AskWhySchema(_Parameters):
    """The parameters of GET /alerts/topics/TOPIC/events/EVENT/why."""

    at = fields.String(
        load_default="",
        metadata={"doc": f"{_TIME}: the last change of level at or before this time of the data; empty: the last one."},
    )


class AskWhyNotSchema(_Parameters):
    """The parameters of GET /tasks/TASK/why-not."""

    group = fields.String(
        load_default="", metadata={"doc": "Tags with their values, `host=a,cpu=0`: of the points that are meant."}
    )
    at = fields.String(required=True, metadata={"doc": f"{_TIME}: the time of the points that are meant."})
    within = fields.String(load_default=WITHIN, metadata={"doc": "A duration: so much before and behind it as well."})


class StepSchema(Schema):
    """What happened at one node."""

    node = fields.String()
    kind = fields.String(metadata={"doc": "Which node of TICKscript it is."})
    came_in = fields.List(
        fields.Dict(),
        data_key="in",
        metadata={"doc": "Points, batches and barriers, each with its group, time, tags, and fields or points."},
    )
    groups = fields.List(
        fields.Dict(),
        metadata={"doc": "Of each group what the node kept of it `before` and `after`; points with seq and row."},
    )
    lambdas = fields.List(
        fields.Dict(),
        metadata={
            "doc": "Of a point (time, tags) each `lambda` of the node, its `text` with values, `value`, `error`."
        },
    )
    went_out = fields.List(fields.Dict(), data_key="out", metadata={"doc": "As `in`."})
    errors = fields.List(fields.String())
    silence = fields.String(metadata={"doc": "Why nothing went out, where that can be said."})
    tick = fields.String(metadata={"doc": "When it was due, where the clock has set it off."})


class PlaceSchema(Schema):
    """A point as it was written."""

    seq = fields.Integer(metadata={"doc": "Of its message in the stream WRITES."})
    row = fields.Integer(metadata={"doc": "Which point of the message it is, from 0."})
    database = fields.String()
    retention_policy = fields.String(data_key="retention-policy")
    line = fields.String()
    precision = fields.String()
    stored = fields.String(metadata={"doc": "When the log took it, RFC 3339."})
    received = fields.String(metadata={"doc": "When it came to the gateway, RFC 3339."})
    user = fields.String(metadata={"doc": "Who has written it, where the gateway asks for users."})
    loopbacks = fields.Integer(metadata={"doc": "Through how many tasks' loopbacks it has come."})


class CauseSchema(PlaceSchema):
    """What has set the event off."""

    kind = fields.String(
        metadata={
            "doc": "`point`, which is told as written; `clock`, the task's at `time`; `query`, what a batch task asked "
            "for at `time`; `deletion`, of the task."
        }
    )
    time = fields.String()
    node = fields.String()


class RaisedSchema(Schema):
    """The event that was raised."""

    id = fields.String()
    level = fields.String(metadata={"doc": f"One of {', '.join(LEVELS)}."})
    previous = fields.String(metadata={"doc": "The level before; empty where the log does not tell."})
    time = fields.String()
    duration = fields.Integer(metadata={"doc": "ns"})
    message = fields.String()
    task = fields.String()
    node = fields.String()
    group = fields.String()
    tags = fields.Dict()
    fields_ = fields.Dict(data_key="fields")
    stored = fields.String()
    seq = fields.Integer(metadata={"doc": "Of its message in the stream ALERTS."})
    number = fields.Integer(metadata={"doc": "Which event of the message it is, from 0."})


class BegunSchema(Schema):
    """From where on the log was gone through again."""

    position = fields.Integer()
    kept = fields.String(metadata={"doc": "When the state was kept that was begun with; missing: the run's beginning."})


class WhySchema(Schema):
    """Why an alert was raised."""

    topic = fields.String()
    id = fields.String()
    event = fields.Nested(RaisedSchema)
    via = fields.List(fields.String(), metadata={"doc": "The topics that it has come through, the first one first."})
    cause = fields.Nested(CauseSchema)
    path = fields.List(fields.Nested(StepSchema), metadata={"doc": "From the cause to the alert, node by node."})
    others = fields.List(
        fields.Dict(), metadata={"doc": "The other points that took part, as they were written; ticks by their time."}
    )
    begun = fields.Nested(BegunSchema, data_key="from")
    agrees = fields.Boolean(metadata={"doc": "Whether the task gone through again raised the same level."})
    notes = fields.List(fields.String(), metadata={"doc": "What is not known, in sentences."})


class WhyNotSchema(Schema):
    """How far points got."""

    task = fields.String()
    tags = fields.Dict()
    first = fields.String()
    last = fields.String()
    points = fields.List(
        fields.Dict(),
        metadata={"doc": "As written, with `path` as above and `ends`: at which `node` each way ended, and `why`."},
    )
    ticks = fields.List(fields.Dict(), metadata={"doc": "What the clock set off in that time: `time`, `path`, `ends`."})
    left_out = fields.Integer(data_key="left-out", metadata={"doc": "Points of that time that are not shown."})
    elsewhere = fields.List(
        fields.Dict(), metadata={"doc": "Such points that went to databases that the task does not read."}
    )
    nearest = fields.List(fields.Dict(), metadata={"doc": "Where there are none of that time, the nearest ones seen."})
    begun = fields.Nested(BegunSchema, data_key="from")
    notes = fields.List(fields.String(), metadata={"doc": "What is not known, in sentences."})
