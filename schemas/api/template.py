"""A template: what defines it, how a request changes it, and how it is shown."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.api.request import RequestSchema
from schemas.api.task import TYPES, LinkSchema, ListTasksSchema, VarSchema


class _TemplateRequest(RequestSchema):
    id = fields.String(load_default="", metadata={"doc": "Letters, digits, '-', '.' and '_'."})
    type = fields.String(
        load_default="",
        validate=validate.OneOf(TYPES),
        metadata={"doc": "Must be a known word if given; what counts is the script."},
    )
    script = fields.String(load_default="", metadata={"doc": "TICKscript. `var x TYPE` declares what tasks must give."})


class CreateTemplateSchema(_TemplateRequest):
    """POST /templates, and the command template.create."""


class UpdateTemplateSchema(_TemplateRequest):
    """PATCH /templates/ID: what is empty or left out stays; an id renames the template. Its tasks change with it."""


class GetTemplateSchema(Schema):
    """The parameters of GET /templates/ID."""

    class Meta:
        unknown = EXCLUDE

    script_format = fields.String(data_key="script-format", load_default="")
    view = fields.String(load_default="", metadata={"doc": "`svg`: its graph as a picture, in place of JSON."})


class ListTemplatesSchema(ListTasksSchema):
    """The parameters of GET /templates: those of GET /tasks; dot-view counts for nothing."""


class TemplateSchema(Schema):
    """A template as it is shown. Lists leave out vars unless they are asked for."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    type = fields.String(validate=validate.OneOf(TYPES))
    script = fields.String()
    vars = fields.Dict(keys=fields.String(), values=fields.Nested(VarSchema), metadata={"doc": "As declared."})
    dot = fields.String(metadata={"doc": "The graph in DOT."})
    error = fields.String(metadata={"doc": "Why the script cannot be used any more; empty if nothing is wrong."})
    created = fields.String(metadata={"doc": "RFC 3339."})
    modified = fields.String()


class TemplateListSchema(Schema):
    """Templates."""

    templates = fields.List(fields.Nested(TemplateSchema))
