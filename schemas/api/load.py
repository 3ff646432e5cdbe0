"""The load directory, as the API tells of it."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

EFFECTS = ("refused", "failed", "noted")


class ComplaintSchema(Schema):
    """What is wrong with a file."""

    file = fields.String(metadata={"doc": 'Its path below the directory; "" for the directory itself.'})
    error = fields.String()
    line = fields.Integer(metadata={"doc": "From 1; 0 where it is wrong as a whole."})
    column = fields.Integer()
    effect = fields.String(
        validate=validate.OneOf(EFFECTS),
        metadata={
            "doc": "refused: what was loaded from it before stays as it was. failed: it was taken, but does not run. "
            "noted: it was taken, but not all that it says counts."
        },
    )


class LoadReportSchema(Schema):
    """A load of the directory by the gateway that was asked."""

    dir = fields.String()
    began = fields.String(metadata={"doc": "RFC 3339."})
    loaded = fields.Integer(metadata={"doc": "Tasks, templates and handlers that were made or changed."})
    unchanged = fields.Integer(metadata={"doc": "Those that were as declared already."})
    removed = fields.Integer(metadata={"doc": "Those that were deleted, since their files are gone."})
    refused = fields.Integer(metadata={"doc": "Files that count for nothing."})
    waiting = fields.Integer(metadata={"doc": "Loaded tasks that no engine worker had started or refused by then."})
    interrupted = fields.String(metadata={"doc": "Why it did not come to its end and is tried again; else empty."})
    complaints = fields.List(fields.Nested(ComplaintSchema))
