"""What handlers did with the events of an alert, as it is shown."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.api.task import LinkSchema
from schemas.requests.alerting import LEVELS, OUTCOMES


class DeliverySchema(Schema):
    """What became of one event with one handler."""

    handler = fields.String(metadata={"doc": 'What it is called in its topic; "": a script has it.'})
    kind = fields.String()
    level = fields.String(validate=validate.OneOf(LEVELS), metadata={"doc": "Of the event."})
    event_time = fields.String(data_key="event-time", metadata={"doc": "RFC 3339."})
    at = fields.String(metadata={"doc": "RFC 3339: when it was so."})
    outcome = fields.String(
        validate=validate.OneOf(OUTCOMES),
        metadata={"doc": "From silenced on: why the handler did not get it."},
    )
    attempts = fields.Integer(metadata={"doc": "How many there were; 0 where the handler did not get it."})
    took = fields.Integer(metadata={"doc": "The last attempt: ns."})
    error = fields.String(metadata={"doc": "Of the last attempt that failed; secrets are hidden."})


class DeliveryListSchema(Schema):
    """The last of an alert, newest first."""

    link = fields.Nested(LinkSchema)
    deliveries = fields.List(fields.Nested(DeliverySchema))
