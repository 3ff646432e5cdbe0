"""Whether a server lives and is ready."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class AliveSchema(Schema):
    """The answer of GET /healthz."""

    service = fields.String(metadata={"doc": "gateway, engine, alerting or recorder."})
    alive = fields.Boolean()


class ReadinessSchema(Schema):
    """The parameters of GET /readyz."""

    class Meta:
        unknown = EXCLUDE

    all = fields.String(
        load_default="",
        metadata={"doc": "true: not only this gateway, but an engine, an alerting and a recorder."},
    )


class ReadySchema(Schema):
    """The answer of GET /readyz."""

    service = fields.String(metadata={"doc": "gateway, engine, alerting or recorder."})
    ready = fields.Boolean()
    lacks = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"doc": "What is not ready, and why; {} where all is."}
    )
