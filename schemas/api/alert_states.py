"""How alerts stood in another server: what is taken over of it."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.api.request import RequestSchema
from schemas.requests.alerting import EventStateSchema


class StoodEventSchema(RequestSchema):
    """An event as GET /alerts/topics/TOPIC/events shows it. What is left out of its state is empty, and OK."""

    id = fields.String(required=True)
    state = fields.Nested(EventStateSchema, required=True)


class TakeOverStatesSchema(RequestSchema):
    """POST /alerts/states."""

    topic = fields.String(required=True)
    events = fields.List(fields.Nested(StoodEventSchema), required=True)
    overwrite = fields.Boolean(
        load_default=False, metadata={"doc": "Whether ids count that the topic has, unless its event is later."}
    )
    dry_run = fields.Boolean(data_key="dry-run", load_default=False, metadata={"doc": "Only count."})


class TakenOverStatesSchema(Schema):
    """What came of it: how many events."""

    taken = fields.Integer(metadata={"doc": "That the topic did not have so."})
    same = fields.Integer(metadata={"doc": "That it had so already."})
    differ = fields.Integer(metadata={"doc": "That it has otherwise, and that were left out."})
    later = fields.Integer(metadata={"doc": "That were left out since the topic has a later event of the id."})
