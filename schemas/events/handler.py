"""Events about topic handlers: `tickbus.event.handler.<topic>/<id>.<what>`, published by gateways.

A handler is named by its topic and its id there; the two stand in the subject as one name, with a slash between them
that neither can hold. Each event is published with the last sequence of `tickbus.event.handler.<topic>/<id>.*` that the
gateway knew, so that of two changes decided on the same state only one is stored.

Which alerts a change counts for is said by ALERTS itself: behind the event the gateway puts a mark there, on the
topic's subject (services.alertlog.mark), and alerting does the same when it comes to know of it. The handlers of an
alert are those that its topic had at the sequence of EVENTS that the last mark before it names. `position` is the last
sequence of ALERTS when the gateway decided: it stands in for a mark that ALERTS holds no more.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.events.numbers import sequence


class _Handler(Schema):
    class Meta:
        unknown = EXCLUDE

    position = sequence(required=True)


class DefinedSchema(_Handler):
    """`defined`: the topic has another handler."""

    kind = fields.String(required=True)
    options = fields.Raw(required=True, allow_none=True, metadata={"doc": "As the kind takes them, or null."})
    match = fields.String(required=True, metadata={"doc": 'A lambda that events must fulfil; "": all do.'})


class UpdatedSchema(DefinedSchema):
    """`updated`: the handler now is this.

    A rename is published under the new id. It counts only if the handler `was` then still stands at `was-sequence`,
    the sequence of the last event that changed it; otherwise everybody leaves it aside.
    """

    was = fields.String(metadata={"doc": "The old id in the topic, on a rename."})
    was_sequence = sequence(data_key="was-sequence")


class DeletedSchema(_Handler):
    """`deleted`: the topic has it no more. What it was given before is still handled."""


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "updated": UpdatedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
