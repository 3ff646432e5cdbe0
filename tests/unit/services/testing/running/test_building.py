"""Vars as tests give them, held to the types that the script declares."""

from __future__ import annotations

from typing import Any

import pytest

from services.pipeline.compiler.vars import Var, VarsError, VarType
from services.testing.running.building import vars_json


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("int", 3, 3),
        ("float", 3, 3.0),
        ("string", 5, "5"),
        ("string", "yes", "yes"),
        ("bool", False, False),
        ("duration", "1m30s", "1m30s"),
        ("regex", "^a/b$", "^a/b$"),
        ("regex", r"/^a\/b$/", "^a/b$"),
        ("regex", "/", "/"),
        ("lambda", '"x" > 1', '"x" > 1'),
        ("list", "host", [{"type": "string", "value": "host"}]),
        ("list", [{"type": "star"}], [{"type": "star"}]),
    ],
)
def test_a_plain_value_becomes_one_of_its_type(kind: str, given: Any, value: Any) -> None:
    assert vars_json({"v": given}, {"v": Var(VarType(kind), None)}) == {"v": {"type": kind, "value": value}}


@pytest.mark.parametrize(
    ("kind", "given", "error"),
    [
        ("int", 2.5, "2.5 is no int"),
        ("int", 2**63, "9223372036854775808 is no int"),
        ("int", True, "true is no int"),
        ("float", "abc", '"abc" is no float'),
        ("string", None, "null is no string"),
        ("string", ["a"], r'\["a"\] is no string'),
        ("string", True, "true is no string"),
        ("bool", "no", '"no" is no boolean'),
        ("duration", 5, "5 is no duration"),
        ("duration", "soon", '"soon" is no duration'),
        ("regex", {"a": 1}, "is no regex"),
    ],
)
def test_what_is_none_of_its_type_is_refused(kind: str, given: Any, error: str) -> None:
    with pytest.raises(VarsError, match=f"invalid var v: .*{error}"):
        vars_json({"v": given}, {"v": Var(VarType(kind), None)})
