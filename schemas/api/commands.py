"""Commands over the bus: `tickbus.command.<kind>.<verb>`, the HTTP API's twin.

`create` takes the body of the POST. `update` takes {"id", "body"}, the body being that of the PATCH. `get`, `delete`
and `list` take one object with the id and the parameters of the query; parameters that may be repeated are lists.
Every reply is {"status", "body"}: the HTTP status, and the body that HTTP would have, null where that is empty.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class UpdateCommandSchema(Schema):
    """`update`: which resource, and what is to change."""

    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True)
    body = fields.Raw(required=True)


class ReplySchema(Schema):
    """The reply to every command."""

    status = fields.Integer(required=True)
    body = fields.Raw(required=True, allow_none=True)
