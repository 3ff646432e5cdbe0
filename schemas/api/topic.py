"""A topic of alerts and its events: how lists of them are asked for, and how they are shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.oncall.acknowledgement import AcknowledgedSchema
from schemas.api.task import LinkSchema
from schemas.requests.alerting import LEVELS, EventStateSchema

_PATTERN = {"doc": "A pattern as of Go's path.Match, for ids."}
_LEAST = {"doc": "A level, or how it begins; what is below is left out."}


class _Parameters(Schema):
    class Meta:
        unknown = EXCLUDE


class ListTopicsSchema(_Parameters):
    """The parameters of GET /alerts/topics."""

    pattern = fields.String(load_default="", metadata=_PATTERN)
    min_level = fields.String(data_key="min-level", load_default="OK", metadata=_LEAST)


class ListEventsSchema(_Parameters):
    """The parameters of GET /alerts/topics/TOPIC/events."""

    min_level = fields.String(data_key="min-level", load_default="OK", metadata=_LEAST)


class TopicSchema(Schema):
    """A topic as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    level = fields.String(validate=validate.OneOf(LEVELS), metadata={"doc": "Of its worst event."})
    collected = fields.Integer(metadata={"doc": "Events it had; a node's own topic, since its task was enabled."})
    events_link = fields.Nested(LinkSchema, data_key="events-link")
    handlers_link = fields.Nested(LinkSchema, data_key="handlers-link")


class TopicListSchema(Schema):
    """Topics."""

    link = fields.Nested(LinkSchema)
    topics = fields.List(fields.Nested(TopicSchema))


class EventSchema(Schema):
    """The last event of an id."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    state = fields.Nested(EventStateSchema)
    acknowledged = fields.Nested(AcknowledgedSchema, metadata={"doc": "Where somebody sees to it."})
    silenced_by = fields.List(
        fields.String(), data_key="silenced-by", metadata={"doc": "Silences that it is under, where there are any."}
    )


class EventListSchema(Schema):
    """A topic's events."""

    link = fields.Nested(LinkSchema)
    topic = fields.String()
    events = fields.List(fields.Nested(EventSchema))
