"""Events about tasks: `tickbus.event.task.<id>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.task.<id>.*` that the gateway knew, so that of two changes
decided on the same state only one is stored.

`position` is the last sequence of the stream WRITES when the gateway decided: a task runs on the writes after the
position of its enabling, up to the position of its disabling.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.task import STATUSES, DefinitionSchema
from schemas.events.numbers import sequence

LEFT_ALERTS = ("forget", "keep", "end")


class DefinedSchema(DefinitionSchema):
    """`defined`: there is a new task. One that is enabled has a `position`; without it the task is disabled."""

    id = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    created = fields.String(required=True, metadata={"doc": "RFC 3339."})
    position = sequence()
    template_sequence = sequence(
        data_key="template-sequence",
        metadata={"doc": "Where its template stood: the event counts only if it still stands there."},
    )


class UpdatedSchema(DefinedSchema):
    """`updated`: the task now is this. What runs goes on as it was until it is disabled and enabled again.

    With a `position` the event also enables or disables the task there, as `status` says; without it the task's status
    stays. A rename is published under the new id. It counts only if `was` then still stands at `was-sequence`, the
    sequence of the last event that changed it; otherwise everybody leaves it aside. Renaming a task that is enabled and
    stays so has a `position`: the event then disables `was` and enables `id` there.
    """

    was = fields.String(metadata={"doc": "The old id, on a rename."})
    was_sequence = sequence(data_key="was-sequence")
    restart = fields.Boolean(
        load_default=False,
        metadata={
            "doc": "Whether a task that is enabled and stays so ends at `position`, and starts anew as it is now."
        },
    )


class _AtPosition(Schema):
    class Meta:
        unknown = EXCLUDE

    position = sequence(required=True)


class EnabledSchema(_AtPosition):
    """`enabled`: the task is to run as it is defined now."""


class DisabledSchema(_AtPosition):
    """`disabled`: the task is to stop."""


class DeletedSchema(_AtPosition):
    """`deleted`: the task is no more; if it ran it is to stop."""

    alerts = fields.String(
        load_default="forget",
        validate=validate.OneOf(LEFT_ALERTS),
        metadata={
            "doc": "What becomes of the alerts that it leaves: forget; keep, for a task of the same id to go on from; "
            "end, which is told."
        },
    )


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "updated": UpdatedSchema,
    "enabled": EnabledSchema,
    "disabled": DisabledSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
