"""Somebody sees to an alert: how it is said, and how it is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.api.request import RequestSchema


class AcknowledgeSchema(RequestSchema):
    """POST …/events/EVENT/acknowledge."""

    by = fields.String(load_default="", metadata={"doc": "Who; left out, the user that asks."})
    comment = fields.String(load_default="", metadata={"doc": "Why, or what is done."})


class AcknowledgedSchema(Schema):
    """Of an event that is acknowledged."""

    by = fields.String()
    comment = fields.String()
    time = fields.String(metadata={"doc": "RFC 3339."})
