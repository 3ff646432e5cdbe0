"""A user: what defines it, how a request changes it, and how it is shown. A password is never shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.request import RequestSchema
from schemas.api.task import LinkSchema, ListTasksSchema

TYPES = ("normal", "admin")
SHOWN_PERMISSIONS = ("api", "config_api", "write_points", "all")
PERMISSIONS = ("none", *SHOWN_PERMISSIONS)

_PERMISSIONS = (
    "api: the API, but for writes, the configuration, backups and changing users; config_api: the configuration; "
    "write_points: writes to all databases; all: everything; none."
)


class _UserRequest(RequestSchema):
    password = fields.String(load_default="", metadata={"doc": "At most 72 bytes of UTF-8."})
    type = fields.String(load_default="", metadata={"doc": "normal or admin, who may do everything."})
    permissions = fields.List(fields.String(), load_default=None, metadata={"doc": _PERMISSIONS})


class CreateUserSchema(_UserRequest):
    """POST /users, and the command user.create."""

    name = fields.String(load_default="", metadata={"doc": "Letters, digits, '-', '.', '@' and '_'."})


class UpdateUserSchema(_UserRequest):
    """PATCH /users/NAME: what is empty or left out stays; permissions, an empty list too, replace all there were."""


class ListUsersSchema(ListTasksSchema):
    """The parameters of GET /users: pattern, fields, offset and limit are those of GET /tasks."""

    class Meta:
        unknown = EXCLUDE
        exclude = ("script_format", "dot_view")


class UserSchema(Schema):
    """A user as it is shown."""

    link = fields.Nested(LinkSchema)
    name = fields.String()
    type = fields.String(validate=validate.OneOf(TYPES))
    permissions = fields.List(fields.String(validate=validate.OneOf(SHOWN_PERMISSIONS)))


class UserListSchema(Schema):
    """Users."""

    users = fields.List(fields.Nested(UserSchema))


class RevokeTokenSchema(Schema):
    """Which token of a subscription."""

    class Meta:
        unknown = EXCLUDE

    token = fields.String(required=True, metadata={"doc": "Letters, digits, '-', '.', '@' and '_'."})


class GrantTokenSchema(RevokeTokenSchema):
    """A token of a subscription, and what it may be used for.

    Whoever sends it as the password of `~subscriber` may write to the database, and nothing else: InfluxDB does with a
    subscription to `http://~subscriber:TOKEN@HOST:9092`.
    """

    database = fields.String(required=True, validate=validate.Length(min=1))


class TokenSchema(Schema):
    """A token of a subscription as it is shown: the token itself is known to nobody but its users."""

    name = fields.String(metadata={"doc": "Of the user that it makes; it may stand for the token in `revoke`."})
    databases = fields.List(fields.String())


class TokenListSchema(Schema):
    """Tokens of subscriptions."""

    tokens = fields.List(fields.Nested(TokenSchema))
