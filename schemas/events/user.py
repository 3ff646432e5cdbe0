"""Events about users: `tickbus.event.user.<name>.<what>`, published by gateways.

Each is published with the last sequence of `tickbus.event.user.<name>.*` that the gateway knew. A password is never in
an event, only its hash.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.user import SHOWN_PERMISSIONS


class DefinedSchema(Schema):
    """`defined`: there is a new user.

    A subscription's token is a user as well, whose name is made from the token's hash. It has no password.
    """

    class Meta:
        unknown = EXCLUDE

    admin = fields.Boolean(required=True, metadata={"doc": "May do everything."})
    permissions = fields.List(fields.String(validate=validate.OneOf(SHOWN_PERMISSIONS)), required=True)
    hash = fields.String(required=True, metadata={"doc": "Of the password, as bcrypt writes it; empty: no password."})
    databases = fields.List(
        fields.String(), load_default=list, metadata={"doc": "A token's: the databases that it may write to."}
    )


class UpdatedSchema(DefinedSchema):
    """`updated`: the user now is this."""


class DeletedSchema(Schema):
    """`deleted`: the user is no more."""

    class Meta:
        unknown = EXCLUDE


SCHEMAS: dict[str, type[Schema]] = {"defined": DefinedSchema, "updated": UpdatedSchema, "deleted": DeletedSchema}
"""By the event's `what`."""
