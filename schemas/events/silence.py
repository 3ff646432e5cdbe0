"""Events about silences: `tickbus.event.silence.<id>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.silence.<id>.*` that the gateway knew. Whether an alert is
silenced is judged by when it was stored, and by the matchers, start and end that the last event says.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.events.numbers import time_ns


class MatcherSchema(Schema):
    """What must be so of an alert, see schemas.api.oncall.silence."""

    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True)
    value = fields.String(required=True)
    is_regex = fields.Boolean(required=True, data_key="is-regex")
    is_equal = fields.Boolean(required=True, data_key="is-equal")


class CreatedSchema(Schema):
    """`created`: alerts that fit all matchers are silenced from `start` (ns) until before `end` (ns)."""

    class Meta:
        unknown = EXCLUDE

    matchers = fields.List(fields.Nested(MatcherSchema), required=True, validate=validate.Length(min=1))
    start = time_ns(required=True)
    end = time_ns(required=True)
    created_by = fields.String(required=True, data_key="created-by")
    comment = fields.String(required=True)


class ChangedSchema(CreatedSchema):
    """`changed`: it is now this."""


class ExpiredSchema(Schema):
    """`expired`: it ended early, at `end` (ns)."""

    class Meta:
        unknown = EXCLUDE

    end = time_ns(required=True)


class DeletedSchema(Schema):
    """`deleted`: it is over and forgotten."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {
    "created": CreatedSchema,
    "changed": ChangedSchema,
    "expired": ExpiredSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
