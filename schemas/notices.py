"""What other programs are told of alerts on the bus: a CloudEvent for each change of a level."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.requests.alerting import LEVELS


class RowSchema(Schema):
    """A series of the data that caused an alert."""

    name = fields.String()
    tags = fields.Dict(keys=fields.String(), values=fields.String())
    columns = fields.List(fields.String())
    values = fields.List(fields.List(fields.Raw(allow_none=True)))


class ResultSchema(Schema):
    """The data that caused an alert."""

    series = fields.List(fields.Nested(RowSchema), allow_none=True)


class AlertSchema(Schema):
    """An alert, as the handler post sends it."""

    id = fields.String(required=True)
    message = fields.String(required=True)
    details = fields.String(required=True)
    time = fields.String(required=True, metadata={"doc": "RFC 3339."})
    duration = fields.Integer(required=True, metadata={"doc": "For how long it is not OK, ns."})
    level = fields.String(required=True, validate=validate.OneOf(LEVELS))
    data = fields.Nested(ResultSchema, required=True)
    previousLevel = fields.String(required=True, validate=validate.OneOf(LEVELS))
    recoverable = fields.Boolean(required=True)


class NoticeSchema(Schema):
    """A CloudEvent 1.0 in structured mode."""

    specversion = fields.String(required=True, validate=validate.OneOf(["1.0"]))
    id = fields.String(required=True, metadata={"doc": "Unique to the event; also its header Nats-Msg-Id."})
    source = fields.String(required=True, metadata={"doc": "tickbus"})
    type = fields.String(required=True, metadata={"doc": "tickbus.alert"})
    subject = fields.String(metadata={"doc": "The alert's id; left out where that is empty."})
    time = fields.String(required=True, metadata={"doc": "When it happened, by its data. RFC 3339."})
    datacontenttype = fields.String(required=True, metadata={"doc": "application/json"})
    tickbustopic = fields.String(required=True, metadata={"doc": "The topic."})
    tickbustask = fields.String(required=True, metadata={"doc": "The task that raised it."})
    tickbusreplay = fields.String(metadata={"doc": "The replay that it comes from; left out where it is none."})
    data = fields.Nested(AlertSchema, required=True)
