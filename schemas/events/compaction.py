"""Events about EVENTS itself: `tickbus.event.compaction.events.<what>`, published by whoever compacts it.

Of each only the last is kept. What a `begun` has removed lay before the `begun` that `since` names, which itself is
removed before anything else: whoever follows EVENTS and has not seen that one before it comes upon the next may have
missed something, and begins anew. Who reads from the beginning leaves aside what the last `begun` says is to be
removed, whether it still is there or not: between a `begun` and its `done` anything may be half gone.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

KIND, ID = "compaction", "events"
SUBJECT = f"tickbus.event.{KIND}.{ID}."


class _Compaction(Schema):
    class Meta:
        unknown = EXCLUDE


class BegunSchema(_Compaction):
    """`begun`: these events are being removed. The next one may remove what lies before this."""

    since = fields.Integer(required=True)
    through = fields.List(
        fields.Tuple((fields.String(), fields.Integer())),
        load_default=list,
        metadata={"doc": "[subject with a wildcard, up to which sequence its events go]."},
    )
    drops = fields.List(fields.Integer(), load_default=list, metadata={"doc": "Sequences of single events that go."})
    gone = fields.List(
        fields.Tuple((fields.String(), fields.String(), fields.Integer())),
        load_default=list,
        metadata={"doc": "[kind, id, last sequence] of resources of which nothing is left."},
    )


class DoneSchema(_Compaction):
    """`done`: they are."""

    begun = fields.Integer(required=True, metadata={"doc": "The sequence of the `begun`."})


SCHEMAS: dict[str, type[Schema]] = {"begun": BegunSchema, "done": DoneSchema}
"""By the event's `what`."""
