"""What gateways are asked, beside commands (schemas.requests.commands)."""

from __future__ import annotations

from marshmallow import fields

from schemas.requests.request import Message, NothingSchema, Request


class LinkedSchema(Message):
    """error: why the subscriptions in InfluxDB are not as they should be, "" where they are."""

    error = fields.String(required=True)


GATEWAY_WRITES = Request("gateway.writes", NothingSchema, NothingSchema)
"""Every gateway answers while it takes writes."""

GATEWAY_LINK = Request("gateway.link", NothingSchema, LinkedSchema)
"""The gateway that keeps the subscriptions in InfluxDB sees to them at once, and then answers."""
