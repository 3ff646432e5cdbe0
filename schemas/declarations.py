"""The files of a load directory that are YAML or JSON: tasks made from templates, and topic handlers.

null counts as left out. Keys that are not here count for nothing.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from schemas.api.task import VAR_TYPES

_SOMETHING = validate.Length(min=1, error="must not be empty")


class _Shape(Schema):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def without_nulls(self, data: Any, **kwargs: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


def _text(doc: str, key: str | None = None, **more: Any) -> fields.String:
    wrong: dict[str, Any] = {"required": "is missing", "invalid": "must be a string"}
    return fields.String(data_key=key, error_messages=wrong, metadata={"doc": doc}, **more)


class DeclaredDbrpSchema(_Shape):
    """A database and retention policy."""

    error_messages = {"type": "must be a db and an rp"}  # noqa: RUF012

    db = _text("The database.", required=True)
    rp = _text("The retention policy.", required=True)


class DeclaredVarSchema(_Shape):
    """A value for one of the template's vars, as schemas.api.task.VarSchema has it."""

    error_messages = {"type": "must be a type and a value"}  # noqa: RUF012

    type = _text(
        "",
        required=True,
        validate=validate.OneOf(VAR_TYPES, error=f"must be one of {', '.join(VAR_TYPES)}"),
    )
    value = fields.Raw(load_default=None, allow_none=True)
    description = _text("", load_default="")


class DeclaredTaskSchema(_Shape):
    """tasks/ID.yaml: a task made from a template, named by its file. It is enabled."""

    error_messages = {"type": "must be a mapping"}  # noqa: RUF012

    template_id = _text("The template.", "template-id", required=True, validate=_SOMETHING)
    dbrps = fields.List(
        fields.Nested(DeclaredDbrpSchema),
        load_default=list,
        error_messages={"invalid": "must be a list"},
        metadata={"doc": "What the task reads; left out where the template says so itself."},
    )
    vars = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(DeclaredVarSchema),
        load_default=dict,
        error_messages={"invalid": "must be a mapping"},
        metadata={"doc": "By name."},
    )


class DeclaredHandlerSchema(_Shape):
    """handlers/ANY.yaml: a handler of a topic."""

    error_messages = {"type": "must be a mapping"}  # noqa: RUF012

    topic = _text("The topic that it handles the alerts of.", required=True, validate=_SOMETHING)
    id = _text("The handler's name, unique in its topic.", required=True, validate=_SOMETHING)
    kind = _text("What it does, one of `tickbus handlers`.", required=True, validate=_SOMETHING)
    match = _text("A lambda expression: which alerts it handles; all where it is left out.", load_default="")
    options = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        error_messages={"invalid": "must be a mapping"},
        metadata={"doc": "As the kind has them."},
    )
