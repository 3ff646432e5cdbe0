"""Events about mutes: `tickbus.event.mute.<id>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.mute.<id>.*` that the gateway knew. Whether an alert is muted
is judged by when it was stored, and by what the last event says; what was stored before the event that said so first is
not.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.events.silence import MatcherSchema


class IntervalSchema(Schema):
    """When, as services.alertlog.oncall.time_intervals reads it."""

    class Meta:
        unknown = EXCLUDE

    times = fields.List(fields.String(), load_default=list)
    weekdays = fields.List(fields.String(), load_default=list)
    days_of_month = fields.List(fields.String(), load_default=list)
    months = fields.List(fields.String(), load_default=list)
    years = fields.List(fields.String(), load_default=list)
    location = fields.String(load_default="UTC")


class CreatedSchema(Schema):
    """`created`: alerts that fit all matchers are muted while the time is in any of the intervals.

    handlers: ids of handlers of topics, or kinds, that do not get them; none: no handler does.
    """

    class Meta:
        unknown = EXCLUDE

    matchers = fields.List(fields.Nested(MatcherSchema), required=True)
    handlers = fields.List(fields.String(), required=True)
    intervals = fields.List(fields.Nested(IntervalSchema), required=True, validate=validate.Length(min=1))
    created_by = fields.String(required=True, data_key="created-by")
    comment = fields.String(required=True)


class ChangedSchema(CreatedSchema):
    """`changed`: it is now this."""


class DeletedSchema(Schema):
    """`deleted`: it is over and forgotten."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"created": CreatedSchema, "changed": ChangedSchema, "deleted": DeletedSchema}
"""By the event's `what`."""
