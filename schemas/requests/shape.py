"""Whether a message is as its schema says, fast enough for answers about thousands of tasks.

marshmallow's own `load` takes 20 us for each nested schema, and makes all of the message anew. Here a schema is
compiled once into a predicate of closures that looks and makes nothing. Why a message is refused says marshmallow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

Shape = Schema | fields.Field[Any]
Test = Callable[[Any], bool]

_ABSENT = object()


class MalformedMessage(ValueError):
    """A message is not as its schema says."""


class Octets(fields.Field[bytes]):
    """A response that is no JSON: bytes as they are."""


def predicate(shape: Shape) -> Test:
    """A predicate: whether plain data are as a schema or a field says. Keys that it does not name are let pass.

    TypeError where the schema has a kind of field that is not known here.
    """
    if isinstance(shape, Schema):
        return _schema(shape)
    test = _with_validators(_field(shape), shape)
    return (lambda value: value is None or test(value)) if shape.allow_none else test


def why(shape: Shape, value: Any) -> str:
    """What is wrong with a message that `predicate` has refused."""
    try:
        shape.load(value) if isinstance(shape, Schema) else shape.deserialize(value)
    except ValidationError as error:
        return str(error)
    return "of another type"  # which marshmallow would convert: "5" for 5


def _schema(schema: Schema) -> Test:
    parts = [(one.data_key or name, one.required, _sure(one), predicate(one)) for name, one in schema.fields.items()]

    def test(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for key, required, sure, of in parts:
            found = value.get(key, _ABSENT)
            if found.__class__ is sure:
                continue  # without a call: most of what comes is numbers
            if found is _ABSENT:
                if required:
                    return False
            elif not of(found):
                return False
        return True

    return test


def _sure(field: fields.Field[Any]) -> type[Any] | None:
    """The class of which every value is right, None where there is none."""
    return None if field.validators else _CLASSES.get(type(field))


def _field(field: fields.Field[Any]) -> Test:
    if isinstance(field, fields.Nested):
        one = predicate(field.schema)
        return _list(one) if field.many else one
    if isinstance(field, fields.List):
        return _list(predicate(field.inner))
    if isinstance(field, fields.Tuple):
        return _tuple([predicate(part) for part in field.tuple_fields])
    if isinstance(field, fields.Dict):
        return _dict(field)
    if isinstance(field, fields.Raw):
        return lambda value: True
    if type(field) not in _PLAIN:
        raise TypeError(f"no message holds a {type(field).__name__}")
    return _PLAIN[type(field)]


def _list(one: Test) -> Test:
    return lambda value: isinstance(value, list | tuple) and all(map(one, value))


def _tuple(parts: list[Test]) -> Test:
    def test(value: Any) -> bool:
        if not isinstance(value, list | tuple) or len(value) != len(parts):
            return False
        return all(part(one) for part, one in zip(parts, value, strict=True))

    return test


def _dict(field: fields.Dict) -> Test:
    key = predicate(field.key_field) if field.key_field is not None else _is_str
    of = predicate(field.value_field) if field.value_field is not None else None

    def test(value: Any) -> bool:
        return isinstance(value, dict) and all(map(key, value)) and (of is None or all(map(of, value.values())))

    return test


def _with_validators(test: Test, field: fields.Field[Any]) -> Test:
    for validator in field.validators:
        test = _both(test, _one_of(validator) if isinstance(validator, validate.OneOf) else _valid(validator))
    return test


def _both(first: Test, second: Test) -> Test:
    return lambda value: first(value) and second(value)


def _one_of(validator: validate.OneOf) -> Test:
    return frozenset(validator.choices).__contains__


def _valid(validator: Callable[[Any], Any]) -> Test:
    def test(value: Any) -> bool:
        try:
            validator(value)
        except ValidationError:
            return False
        return True

    return test


def _is_str(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_PLAIN: dict[type[Any], Test] = {
    fields.String: _is_str,
    fields.Boolean: _is_bool,
    Octets: _is_bytes,
    fields.Integer: _is_int,
    fields.Float: _is_number,
}
_CLASSES: dict[type[Any], type[Any]] = {
    fields.String: str,
    fields.Boolean: bool,
    fields.Integer: int,
    fields.Float: float,
}
