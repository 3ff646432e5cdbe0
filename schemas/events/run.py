"""Events about tasks that run: `tickbus.event.run.<task id>.<what>`, published by engine workers.

`enabled` is the sequence of the event that enabled the task (`enabled`, or a `defined` or `updated` that says so),
`disabled` of the one that ended its run (`disabled`, `deleted`, or such an `updated`): they say which run is meant.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.events.numbers import sequence


class _Run(Schema):
    class Meta:
        unknown = EXCLUDE


class StartedSchema(_Run):
    """`started`: a worker runs the task; again whenever another worker takes it over."""

    enabled = sequence(required=True)
    position = sequence(required=True, metadata={"doc": "The last write it has not to see (again)."})
    worker = fields.String(required=True)
    alerts = fields.List(
        fields.Raw(), load_default=list, metadata={"doc": "For each alert node its topics and handlers."}
    )
    remembered = fields.String(
        load_default="",
        metadata={
            "doc": "The object in the store `levels` that says how the topics of its alert nodes stood; empty: no "
            "alert of theirs was other than OK."
        },
    )
    levels = fields.Dict(
        load_default=dict,
        metadata={"doc": "The same, as earlier versions said it: topic -> id -> [level, time ns, duration ns]."},
    )


class FailedSchema(_Run):
    """`failed`: the task could not start, or ended by itself."""

    enabled = sequence(required=True)
    error = fields.String(required=True)


class StoppedSchema(_Run):
    """`stopped`: the task has seen the log up to the position of its disabling and is gone."""

    disabled = sequence(required=True)


class SplitSchema(_Run):
    """`split`: the run is to go on in these parts. The event's sequence is that of the layout."""

    enabled = sequence(required=True)
    shards = fields.List(fields.Integer(), required=True, metadata={"doc": "The shard of each part."})
    tags = fields.List(fields.String(), required=True, metadata={"doc": "By whose values points belong to parts."})
    star = fields.Boolean(load_default=False, metadata={"doc": "All tags but these decide."})


class PausedSchema(_Run):
    """`paused`: what ran before a layout, or one part of it, has come to a write and waits there for the others. The
    latest of these writes is the last that what ran before sees."""

    enabled = sequence(required=True)
    layout = sequence(required=True)
    part = fields.Integer(required=True, metadata={"doc": "Of the layout before; 0 for the whole task."})
    position = sequence(required=True)


class HandedSchema(_Run):
    """`handed`: it has come to the last of these writes and stopped; its state lies in the object store `handovers`."""

    enabled = sequence(required=True)
    layout = sequence(required=True)
    part = fields.Integer(required=True, metadata={"doc": "As of `paused`."})


class PartStartedSchema(_Run):
    """`part-started`: a worker runs a part; again whenever another worker takes it over."""

    enabled = sequence(required=True)
    layout = sequence(required=True)
    part = fields.Integer(required=True)
    worker = fields.String(required=True)


class PartStoppedSchema(_Run):
    """`part-stopped`: a part has seen the log up to the position of its run's end and is gone."""

    enabled = sequence(required=True)
    disabled = sequence(required=True)
    part = fields.Integer(required=True)


SCHEMAS: dict[str, type[Schema]] = {
    "started": StartedSchema,
    "failed": FailedSchema,
    "stopped": StoppedSchema,
    "split": SplitSchema,
    "paused": PausedSchema,
    "handed": HandedSchema,
    "part-started": PartStartedSchema,
    "part-stopped": PartStoppedSchema,
}
"""By the event's `what`."""
