"""Facts about tasks that run: `tickbus.event.run.<task id>.<what>`, published by engine workers.

`enabled` is the sequence of the event that enabled the task (`enabled`, or a `defined` or `updated` that says so),
`disabled` of the one that ended its run (`disabled`, `deleted`, or such an `updated`): they say which run is meant.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class _Run(Schema):
    class Meta:
        unknown = EXCLUDE


class StartedSchema(_Run):
    """`started`: a worker runs the task; again whenever another worker takes it over."""

    enabled = fields.Integer(required=True)
    position = fields.Integer(required=True, metadata={"doc": "The last write it has not to see (again)."})
    worker = fields.String(required=True)
    alerts = fields.List(
        fields.Raw(), load_default=list, metadata={"doc": "For each alert node its topics and handlers."}
    )
    levels = fields.Dict(
        load_default=dict,
        metadata={"doc": "How the topics of its alert nodes stood: topic -> id -> [level, time ns, duration ns]."},
    )


class FailedSchema(_Run):
    """`failed`: the task could not start, or ended by itself."""

    enabled = fields.Integer(required=True)
    error = fields.String(required=True)


class StoppedSchema(_Run):
    """`stopped`: the task has seen the log up to the position of its disabling and is gone."""

    disabled = fields.Integer(required=True)


SCHEMAS: dict[str, type[Schema]] = {"started": StartedSchema, "failed": FailedSchema, "stopped": StoppedSchema}
"""By the event's `what`."""
