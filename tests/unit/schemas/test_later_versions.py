"""What a later version says besides is let pass: no message between services is refused for a key more."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from marshmallow import EXCLUDE, Schema, fields

import schemas.events
import schemas.requests
from schemas.requests.request import ALL

for package in (schemas.events, schemas.requests):
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)


def _of_events() -> Iterator[Schema]:
    for found in pkgutil.iter_modules(schemas.events.__path__, "schemas.events."):
        for schema in getattr(importlib.import_module(found.name), "SCHEMAS", {}).values():
            yield schema()


def _with_inner(shape: Schema | fields.Field[object]) -> Iterator[Schema]:
    """The schema and those that stand in it, at any depth."""
    if isinstance(shape, Schema):
        yield shape
        for field in shape.fields.values():
            yield from _with_inner(field)
    elif isinstance(shape, fields.Nested):
        yield from _with_inner(shape.schema)
    elif isinstance(shape, fields.List):
        yield from _with_inner(shape.inner)
    elif isinstance(shape, fields.Tuple):
        for part in shape.tuple_fields:
            yield from _with_inner(part)
    elif isinstance(shape, fields.Dict) and shape.value_field is not None:
        yield from _with_inner(shape.value_field)


SHAPES = [*_of_events(), *(shape for one in ALL for shape in (one.request, one.response))]
NAMES = sorted({type(schema).__name__: schema for shape in SHAPES for schema in _with_inner(shape)}.items())


def test_all_are_looked_at() -> None:
    assert len(list(_of_events())) > 20 and len(ALL) > 20


@pytest.mark.parametrize(("name", "schema"), NAMES)
def test_a_key_more_is_let_pass(name: str, schema: Schema) -> None:
    assert schema.unknown == EXCLUDE
    assert "later" not in schema.validate({"later": 1})
