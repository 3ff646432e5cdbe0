"""Every file of resources/ is a resource of its name, says all about itself, and has its unit test."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema
from quart import Quart

from services.gateway import resources
from services.gateway.http.app import make_app
from services.gateway.http.resource import Resource
from services.gateway.openapi.openapi import routes_of
from services.gateway.operations.operation import Description, Operation

NAMES = [module.name for module in pkgutil.iter_modules(resources.__path__)]


def declared(name: str) -> Resource:
    """What a file declares; there is nothing behind it."""
    make: Any = importlib.import_module(f"{resources.__name__}.{name}").resource
    found: Resource = make(*([] if kind == "Iterable" else None for kind in kinds(make)))
    return found


def kinds(make: Any) -> list[str]:
    return [str(one.annotation).partition("[")[0] for one in inspect.signature(make).parameters.values()]


def app_of(name: str) -> Quart:
    return make_app(declared(name).blueprints(), 1)


def operations() -> list[Operation]:
    return [operation for name in NAMES for operation in declared(name).operations]


@pytest.mark.parametrize("name", NAMES)
def test_a_resource_bears_the_name_of_its_file_and_has_its_unit_test(name: str) -> None:
    assert declared(name).name == name
    assert Path(__file__).with_name(f"test_{name}.py").exists(), f"write {Path(__file__).parent}/test_{name}.py"


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_resource_is_documented(name: str) -> None:
    told: list[Description] = [*declared(name).operations, *(told for _, _, told in routes_of(app_of(name)))]
    assert told
    for one in told:
        assert re.fullmatch(r"[A-Z].*[.]", one.about)
        assert one.answers and all(200 <= status < 300 for status in one.answers)
        assert all(400 <= status <= 500 for status in one.errors)
        for shape in (one.parameters, one.body, *one.answers.values()):
            assert all(kind.__doc__ for kind in (shape if isinstance(shape, list) else [shape]) if is_schema(kind))


def is_schema(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Schema)


def test_no_two_operations_are_the_same_command_or_the_same_request() -> None:
    found = operations()
    commands = Counter((one.kind, one.verb) for one in found)
    requests = Counter((one.method, re.sub(r"{.*?}", "{}", one.path)) for one in found if one.method)
    assert not [one for one, count in (commands | requests).items() if count > 1]


def test_no_two_resources_have_the_same_route() -> None:
    of: Counter[tuple[str, str]] = Counter()
    for name in NAMES:
        of.update((method, re.sub(r"{.*?}", "{}", path)) for method, path, _ in routes_of(app_of(name)))
    assert not [route for route, count in of.items() if count > 1]
