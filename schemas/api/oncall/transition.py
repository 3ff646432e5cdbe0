"""Changes of alerts' levels that are kept: how they are asked for, and how they are shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.task import LinkSchema
from schemas.requests.alerting import LEVELS, MOST_TRANSITIONS


class ListTransitionsSchema(Schema):
    """The parameters of GET /alerts/history."""

    class Meta:
        unknown = EXCLUDE

    match = fields.List(
        fields.String(),
        load_default=list,
        metadata={"doc": "A matcher as of a silence, such as `topic=cpu` or `level=~WARNING|CRITICAL`; repeated, all."},
    )
    from_ = fields.String(
        data_key="from", load_default="", metadata={"doc": "RFC 3339, or ns since 1970: stored then or later."}
    )
    to = fields.String(load_default="", metadata={"doc": "The same: stored then or before."})
    limit = fields.String(load_default="", metadata={"doc": f"1 to {MOST_TRANSITIONS}; 100 unless set."})
    after = fields.String(load_default="", metadata={"doc": "What `next` of the page before says."})
    format = fields.String(
        load_default="",
        metadata={"doc": "json or csv; if left out what `Accept` says. The next page of CSV is in the header `Link`."},
    )


class TransitionSchema(Schema):
    """A change of an alert's level."""

    topic = fields.String()
    id = fields.String()
    task = fields.String()
    name = fields.String(metadata={"doc": "The measurement."})
    tags = fields.Dict(fields.String(), fields.String())
    level = fields.String(validate=validate.OneOf(LEVELS))
    previous_level = fields.String(validate=validate.OneOf(LEVELS), data_key="previousLevel")
    time = fields.String(metadata={"doc": "RFC 3339: of the data."})
    stored = fields.String(metadata={"doc": "RFC 3339: when it came into the log."})
    duration = fields.String(metadata={"doc": "How long the alert had lasted: a Go duration."})
    message = fields.String()
    silenced = fields.Boolean(metadata={"doc": "A silence kept it from handlers."})
    muted = fields.Boolean(metadata={"doc": "A mute did."})
    flapping = fields.Boolean(metadata={"doc": "That the alert flapped did."})


class TransitionListSchema(Schema):
    """A page of changes, the latest first."""

    link = fields.Nested(LinkSchema)
    transitions = fields.List(fields.Nested(TransitionSchema))
    next = fields.String(metadata={"doc": "For `after` of the next page; empty: there is none."})
