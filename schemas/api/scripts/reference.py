"""What scripts may use, and what is to be said of a script."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.api.request import RequestSchema


class LintSchema(RequestSchema):
    """POST /lint, and the command lint.run."""

    script = fields.String(required=True, metadata={"doc": "TICKscript."})


class FindingSchema(Schema):
    """What a rule finds in a script. Places count from 1, in characters."""

    rule = fields.String()
    severity = fields.String(validate=validate.OneOf(("error", "warning")))
    line = fields.Integer()
    column = fields.Integer()
    end = fields.Integer(metadata={"doc": "The column behind the word that it is about."})
    message = fields.String()
    help = fields.String(metadata={"doc": "What to do about it; may be empty."})


class FindingsSchema(Schema):
    """The answer of POST /lint."""

    findings = fields.List(fields.Nested(FindingSchema), metadata={"doc": "In the order of their places."})


class PartSchema(Schema):
    """An argument or a property."""

    name = fields.String()
    head = fields.String(metadata={"doc": "As it is written, with types: `.period(duration)`."})
    doc = fields.String()
    properties = fields.List(
        fields.Nested(lambda: PartSchema()), metadata={"doc": "Of one behind which others of its own may stand."}
    )


class NodeDocSchema(Schema):
    """A node or an alert handler."""

    name = fields.String()
    head = fields.String(metadata={"doc": "As it is written, with types: `|derivative(field string)`."})
    ends = fields.String(metadata={"doc": "What a node takes and gives."})
    doc = fields.String(metadata={"doc": "Paragraphs; code in backticks."})
    arguments = fields.List(fields.Nested(PartSchema))
    properties = fields.List(fields.Nested(PartSchema))
    handlers = fields.Boolean(metadata={"doc": "Whether alert handlers may stand behind it."})


class FunctionDocSchema(Schema):
    """A function: of lambdas, or of the user's own (`@name`)."""

    name = fields.String()
    heads = fields.List(fields.String(), metadata={"doc": "A line for each set of types."})
    doc = fields.String()


class ReferenceSchema(Schema):
    """The answer of GET /nodes."""

    nodes = fields.List(fields.Nested(NodeDocSchema))
    handlers = fields.List(fields.Nested(NodeDocSchema), metadata={"doc": "Alert handlers that scripts may use."})
    functions = fields.List(fields.Nested(FunctionDocSchema), metadata={"doc": "Of lambdas."})
    udfs = fields.List(fields.Nested(FunctionDocSchema), metadata={"doc": "Functions of your own."})
