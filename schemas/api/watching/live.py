"""Looking on at the whole server: how the stream is asked for, and what each of its events holds."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from schemas.api.oncall.transition import TransitionSchema
from schemas.requests.alerting import LEVELS

KINDS = ("overview", "tasks", "alerts", "changes", "logs", "node-stats")
USUAL_KINDS = ("overview", "tasks", "alerts", "changes")
LOG_LEVELS = ("debug", "info", "warn", "error")


def _are_kinds(text: str) -> None:
    if unknown := sorted(set(text.split(",")) - {*KINDS, ""}):
        raise ValidationError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")


class LiveParametersSchema(Schema):
    """The parameters of GET /live. What is wrong with one is told by its name."""

    kinds = fields.String(
        load_default="",
        validate=_are_kinds,
        metadata={"doc": f"Some of {', '.join(KINDS)}, with commas between; if left out {', '.join(USUAL_KINDS)}."},
    )
    task = fields.String(load_default="", metadata={"doc": "Whose node-stats; logs of this task alone."})
    topic = fields.String(load_default="", metadata={"doc": "Alerts of this topic alone."})
    level = fields.String(
        load_default="", validate=validate.OneOf(("", *LOG_LEVELS)), metadata={"doc": "Logs from this level up."}
    )
    u = fields.String(load_default="", metadata={"doc": "A user's name, where no header has the credentials."})
    p = fields.String(load_default="", metadata={"doc": "And the password."})


class Event(Schema):
    """What the events have in common."""

    class Meta:
        unknown = EXCLUDE


class ServiceSchema(Schema):
    """A process. null: a figure that means nothing for its kind."""

    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"doc": "nats, gateway, engine, alerting, recorder …"})
    up = fields.Boolean(required=True, metadata={"doc": "One that is gone is shown for a minute."})
    lag_seconds = fields.Float(required=True, allow_none=True, data_key="lag-seconds")
    points_per_second = fields.Float(
        required=True, allow_none=True, data_key="points-per-second", metadata={"doc": "Of an alerting: alert events."}
    )
    errors = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"doc": "Of nodes of the tasks that it runs; of an alerting, alerts given up since its start."},
    )


class TaskCountsSchema(Schema):
    """How many tasks there are."""

    enabled = fields.Integer(required=True)
    disabled = fields.Integer(required=True)
    failed = fields.Integer(required=True, metadata={"doc": "That could not start or have ended by an error."})


class OverviewEventSchema(Event):
    """The server as a whole: at once, then every two seconds where something differs."""

    time = fields.String(required=True, metadata={"doc": "RFC 3339."})
    services = fields.List(fields.Nested(ServiceSchema), required=True)
    alerts = fields.Dict(
        fields.String(validate=validate.OneOf(LEVELS[1:])),
        fields.Integer(),
        required=True,
        metadata={"doc": "How many are at INFO, WARNING and CRITICAL in all topics."},
    )
    tasks = fields.Nested(TaskCountsSchema, required=True)
    points_per_second = fields.Float(
        required=True, data_key="points-per-second", metadata={"doc": "Written, as far as some task reads it."}
    )
    errors = fields.Integer(required=True, metadata={"doc": "Of nodes of all tasks that run."})


class TaskRowSchema(Schema):
    """A task in a list that changes."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    status = fields.String(required=True)
    executing = fields.Boolean(required=True)
    error = fields.String(required=True)
    points_per_second = fields.Float(
        required=True, data_key="points-per-second", metadata={"doc": "Points or batches taken."}
    )
    errors = fields.Integer(required=True, metadata={"doc": "Of its nodes."})
    groups = fields.Integer(required=True)
    lag_seconds = fields.Float(
        required=True, data_key="lag-seconds", metadata={"doc": "Of the worker that is furthest behind."}
    )
    workers = fields.List(fields.String(), required=True)


class TasksEventSchema(Event):
    """Tasks: first all, then every two seconds those that differ. At most 1,000 an event; then there are several."""

    all = fields.Boolean(required=True, metadata={"doc": "Whatever was told before is to be forgotten."})
    tasks = fields.List(fields.Nested(TaskRowSchema), required=True)
    gone = fields.List(fields.String(), required=True, metadata={"doc": "Ids of those that are deleted."})


class AlertEventSchema(TransitionSchema):
    """An alert's level has changed: as GET /alerts/history shows it."""


class ChangeEventSchema(Event):
    """A resource has changed, and this gateway knows it: who shows it may read it again."""

    kind = fields.String(required=True, metadata={"doc": "task, template, handler, silence, recording, user …"})
    id = fields.String(required=True)
    topic = fields.String(metadata={"doc": "Of a handler."})
    what = fields.String(required=True, metadata={"doc": "created, updated, enabled, started, finished, deleted …"})


class LogEventSchema(Schema):
    """A line of the log."""

    class Meta:
        unknown = EXCLUDE

    ts = fields.String(required=True)
    lvl = fields.String(required=True)
    msg = fields.String(required=True)
    service = fields.String()


class EdgeRateSchema(Schema):
    """What goes from one node to another."""

    from_ = fields.String(required=True, data_key="from")
    to = fields.String(required=True)
    processed = fields.Integer(required=True, metadata={"doc": "Points or batches since the task runs there."})
    points_per_second = fields.Float(required=True, data_key="points-per-second")


class NodeStatsEventSchema(Event):
    """The nodes of one task, every two seconds where something differs."""

    task = fields.String(required=True)
    executing = fields.Boolean(required=True)
    nodes = fields.Dict(
        fields.String(),
        fields.Dict(fields.String()),
        required=True,
        metadata={"doc": "As in the task's statistics, with `points-per-second`, of what the node has collected."},
    )
    edges = fields.List(fields.Nested(EdgeRateSchema), required=True)


class LaggingEventSchema(Event):
    """The viewer reads too slowly: so many alerts, changes and log lines were left out."""

    dropped = fields.Integer(required=True)


class UnavailableEventSchema(Event):
    """Something cannot be had for now; the stream goes on."""

    what = fields.String(required=True, validate=validate.OneOf(("bus", "alerting", "logs")))
    error = fields.String(required=True)


class AvailableEventSchema(Event):
    """It can be had again."""

    what = fields.String(required=True)


class DeniedEventSchema(Event):
    """The credentials do not hold any more: the stream ends."""

    error = fields.String(required=True)


EVENTS: Mapping[str, type[Schema]] = {
    "overview": OverviewEventSchema,
    "tasks": TasksEventSchema,
    "alert": AlertEventSchema,
    "change": ChangeEventSchema,
    "log": LogEventSchema,
    "node-stats": NodeStatsEventSchema,
    "lagging": LaggingEventSchema,
    "unavailable": UnavailableEventSchema,
    "available": AvailableEventSchema,
    "denied": DeniedEventSchema,
}
"""What `data` of each event holds, by its name."""
