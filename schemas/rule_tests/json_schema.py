"""The files of `tickbus test` as a JSON schema, for editors: made of the shapes that files are read by."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Length, OneOf

from schemas.rule_tests.fields import NOTHING
from schemas.rule_tests.shapes import Answers, ExpectField, InputField, RuleTestSchema, RuleTestsSchema

_Defs = dict[str, Any]


def json_schema() -> dict[str, Any]:
    """The schema of a document: a list of tests with what they have in common, or one test."""
    defs: _Defs = {}
    either = [_shape(RuleTestsSchema, defs), _shape(RuleTestSchema, defs)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tickbus test",
        "anyOf": either,
        "$defs": defs,
    }


def _shape(shape: type[Schema], defs: _Defs) -> dict[str, Any]:
    name = shape.__name__.removesuffix("Schema")
    if name not in defs:
        defs[name] = {}
        instance = shape()
        made = {key.data_key or name: key for name, key in instance.fields.items()}
        defs[name] = {
            "type": "object",
            "description": (shape.__doc__ or "").strip(),
            "properties": {key: _described(field, defs) for key, field in made.items()},
            "required": [key for key, field in made.items() if field.required],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


def _described(field: fields.Field[Any], defs: _Defs) -> dict[str, Any]:
    found = _field(field, defs)
    if doc := field.metadata.get("doc"):
        found = {**found, "description": doc}
    return found


def _field(field: fields.Field[Any], defs: _Defs) -> dict[str, Any]:
    found: dict[str, Any]
    if isinstance(field, InputField):
        return {"anyOf": [{"type": "string"}, _field(field.steps, defs)]}
    if isinstance(field, ExpectField):
        return {"anyOf": [{"const": NOTHING}, {**_shape(field.nested, defs), "minProperties": 1}]}
    if isinstance(field, Answers):
        one = [{"type": "string"}, _field(field.series, defs)]
        return {"anyOf": [*one, {"type": "object", "additionalProperties": {"anyOf": one}}]}
    if isinstance(field, fields.Nested):
        assert isinstance(field.nested, type) and issubclass(field.nested, Schema)
        return _shape(field.nested, defs)
    if isinstance(field, fields.List):
        least = [one.min for one in field.validators if isinstance(one, Length)]
        found = {"type": "array", "items": _field(field.inner, defs)}
        return {**found, "minItems": least[0]} if least else found
    if isinstance(field, fields.Dict):
        found = {"type": "object"}
        if field.value_field is not None:
            found["additionalProperties"] = _field(field.value_field, defs)
        if field.key_field is not None and (choices := _choices(field.key_field)):
            found["propertyNames"] = choices
        return found
    if isinstance(field, fields.Integer):
        return {"type": "integer", "minimum": 0}
    if isinstance(field, fields.String):
        return {"type": "string", **_choices(field)}
    known: dict[str, Any] = field.json_schema  # type: ignore[attr-defined]
    return dict(known)


def _choices(field: fields.Field[Any]) -> dict[str, Any]:
    choices = [list(one.choices) for one in field.validators if isinstance(one, OneOf)]
    return {"enum": choices[0]} if choices else {}
