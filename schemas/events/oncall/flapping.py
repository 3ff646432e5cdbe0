"""Events about when topics' alerts flap: `tickbus.event.flapping.<topic>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.flapping.<topic>.*` that the gateway knew. It counts for
alerts that were stored after the event.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.events.numbers import time_ns


class DeclaredSchema(Schema):
    """`declared`: an alert flaps once the share of changes among its events within `window` (ns) is over `high`, until
    it is below `low`."""

    class Meta:
        unknown = EXCLUDE

    window = time_ns(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)


class WithdrawnSchema(Schema):
    """`withdrawn`: the topic's alerts do not flap, whatever they do."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"declared": DeclaredSchema, "withdrawn": WithdrawnSchema}
"""By the event's `what`."""
