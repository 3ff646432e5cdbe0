"""Events about templates: `tickbus.event.template.<id>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.template.<id>.*` that the gateway knew. A change of a
template is one event together with what becomes of its tasks, so that it is never half done.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.task import TYPES, DbrpSchema
from schemas.events.numbers import sequence


class DefinedSchema(Schema):
    """`defined`: there is a new template."""

    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    script = fields.String(required=True)
    dbrps = fields.List(fields.Nested(DbrpSchema), required=True, metadata={"doc": "Those that the script itself has."})


class UpdatedSchema(DefinedSchema):
    """`updated`: the template and its tasks now are this; where the script is another, enabled tasks start anew.

    It counts only if the template `was` stands at `was-sequence`, and its tasks are exactly those of `tasks`, each at
    the sequence there; otherwise everybody leaves it aside. Where a task that starts anew fails to start, everything
    that the event did is taken back by the `failed` of that run.
    """

    was = fields.String(required=True, metadata={"doc": "The id before, the same unless it is renamed."})
    was_sequence = sequence(data_key="was-sequence", required=True)
    tasks = fields.Dict(keys=fields.String(), values=sequence(), required=True)
    position = sequence(
        required=True, metadata={"doc": "Last write that tasks which start anew see as they were before."}
    )


class DeletedSchema(Schema):
    """`deleted`: the template is no more. Its tasks stay as they are, and keep its id."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"defined": DefinedSchema, "updated": UpdatedSchema, "deleted": DeletedSchema}
"""By the event's `what`."""
