"""A topic of alerts and its events: how lists of them are asked for, and how they are shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.inspections.inspection import Span
from schemas.api.oncall.acknowledgement import AcknowledgedSchema
from schemas.api.oncall.comment import CommentSchema
from schemas.api.request import RequestSchema
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


class FlappingRequestSchema(RequestSchema):
    """When alerts of a topic flap: once the share of changes among their events within the window is over `high`, until
    it is below `low`."""

    window = Span(required=True, metadata={"doc": "A duration as 10m, or ns: a second to a week."})
    low = fields.Float(required=True, metadata={"doc": "Over 0."})
    high = fields.Float(required=True, metadata={"doc": "At least `low`, below 1."})


class TopicRequestSchema(RequestSchema):
    """PATCH /alerts/topics/TOPIC: what is left out stays."""

    flapping = fields.Nested(FlappingRequestSchema, metadata={"doc": "null: no alert flaps, whatever it does."})


class FlappingSchema(Schema):
    """When alerts of a topic flap, as it is shown."""

    window = fields.String(metadata={"doc": "A Go duration."})
    low = fields.Float()
    high = fields.Float()


class TopicSchema(Schema):
    """A topic as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    level = fields.String(validate=validate.OneOf(LEVELS), metadata={"doc": "Of its worst event."})
    collected = fields.Integer(metadata={"doc": "Events it had; a node's own topic, since its task was enabled."})
    events_link = fields.Nested(LinkSchema, data_key="events-link")
    handlers_link = fields.Nested(LinkSchema, data_key="handlers-link")
    flapping = fields.Nested(FlappingSchema, metadata={"doc": "Where it is declared."})
    flaps = fields.Integer(metadata={"doc": "How many alerts flap now; where that is declared."})


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
    muted_by = fields.List(
        fields.String(),
        data_key="muted-by",
        metadata={"doc": "Mutes that it is under, where there are any; some may be for some handlers only."},
    )
    flapping = fields.Boolean(metadata={"doc": "Where the alert flaps: true."})
    comments = fields.List(fields.Nested(CommentSchema), metadata={"doc": "The last ten, oldest first."})


class EventListSchema(Schema):
    """A topic's events."""

    link = fields.Nested(LinkSchema)
    topic = fields.String()
    events = fields.List(fields.Nested(EventSchema))
