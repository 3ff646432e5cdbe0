"""What somebody says of an alert: as it is said, and as it is shown."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.api.request import RequestSchema
from schemas.api.task import LinkSchema

MOST_TEXT = 4_000


class CommentRequestSchema(RequestSchema):
    """POST …/events/EVENT/comments."""

    text = fields.String(required=True, validate=validate.Length(min=1, max=MOST_TEXT), metadata={"doc": "What."})
    by = fields.String(
        load_default="", validate=validate.Length(max=200), metadata={"doc": "Who; left out, the user that asks."}
    )


class CommentSchema(Schema):
    """A comment as it is shown."""

    by = fields.String()
    text = fields.String()
    time = fields.String(metadata={"doc": "RFC 3339."})


class CommentListSchema(Schema):
    """The comments on an alert, oldest first."""

    link = fields.Nested(LinkSchema)
    comments = fields.List(fields.Nested(CommentSchema))
