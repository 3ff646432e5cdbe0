"""Vars as the API takes and shows them."""

from __future__ import annotations

from typing import Any

import pytest

from grammar.tickscript.ast import TickscriptError
from services.pipeline.compiler.vars import VarsError, parse_vars, values_of, vars_json


def test_every_type_comes_back_as_it_was_given() -> None:
    given = {
        "b": {"type": "bool", "value": True},
        "i": {"type": "int", "value": 9007199254740993, "description": "an int"},
        "f": {"type": "float", "value": 3},
        "s": {"type": "string", "value": "te'xt"},
        "r": {"type": "regex", "value": "^a.*"},
        "d": {"type": "duration", "value": "90m"},
        "d2": {"type": "duration", "value": 1_500_000_000},
        "l": {"type": "lambda", "value": '"v" > 3 AND TRUE'},
        "li": {"type": "list", "value": [{"type": "string", "value": "host"}, {"type": "star", "value": None}]},
        "st": {"type": "star", "value": "*"},
    }
    shown = vars_json(parse_vars(given))
    assert {name: v["value"] for name, v in shown.items() if name != "li"} == {
        "b": True,
        "i": 9007199254740993,
        "f": 3.0,
        "s": "te'xt",
        "r": "^a.*",
        "d": 5_400_000_000_000,
        "d2": 1_500_000_000,
        "l": '"v" > 3 AND TRUE',
        "st": None,
    }
    assert shown["i"] == {"type": "int", "value": 9007199254740993, "description": "an int"}
    assert shown["li"]["value"] == [
        {"type": "string", "value": "host", "description": ""},
        {"type": "star", "value": None, "description": ""},
    ]
    assert parse_vars(None) == {}
    assert parse_vars({"x": {"Type": "int", "VALUE": 5}}) == parse_vars({"x": {"type": "int", "value": 5}})


@pytest.mark.parametrize(
    "var",
    [
        5,
        {"type": "nosuch", "value": 5},
        {"type": "int", "value": "6"},
        {"type": "int", "value": 6.5},
        {"type": "int", "value": True},
        {"type": "int", "value": 2**63},
        {"type": "float", "value": "x"},
        {"type": "duration", "value": "5 minutes"},
        {"type": "duration", "value": 1.5},
        {"type": "list", "value": "a"},
        {"type": "list", "value": ["a"]},
        {"type": "list", "value": [{"value": "a"}]},
    ],
)
def test_what_is_no_json_of_a_var(var: Any) -> None:
    with pytest.raises(VarsError, match=r"^invalid JSON$"):
        parse_vars({"x": var})


@pytest.mark.parametrize(
    ("var", "text"),
    [
        ({"type": "bool", "value": "false"}, "unexpected var type bool, value is a string"),
        ({"type": "string", "value": 5}, "mismatched type and value: 5 is no string"),
        ({"type": "string", "value": True}, "mismatched type and value: true is no string"),
        (None, "a type must be given"),
        ({"type": "string", "value": None}, "a value must be given"),
        ({"type": "int"}, "a value must be given"),
        ({"value": 5}, "a type must be given"),
        ({"type": "list", "value": [{"type": "int", "value": 1}]}, "a list cannot hold int vars"),
    ],
)
def test_values_of_another_type(var: Any, text: str) -> None:
    with pytest.raises(VarsError) as raised:
        parse_vars({"x": var})
    assert str(raised.value) == f"invalid var x: {text}"


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        (
            "lambda",
            '"a" >',
            'invalid lambda expression: parser: unexpected EOF line 1 char 6 in ""a" >". expected: '
            '"number","string","duration","identifier","TRUE","FALSE","==","(","-","!"',
        ),
        (
            "lambda",
            'lambda: "a" > 1',
            'invalid lambda expression: parser: unexpected lambda line 1 char 1 in "lambda: "a". expected: '
            '"number","string","duration","identifier","TRUE","FALSE","==","(","-","!"',
        ),
        ("regex", "(", "invalid regex pattern: error parsing regexp: missing closing ): `(`"),
    ],
)
def test_texts_that_cannot_be_read_are_told_when_the_script_is_compiled(type_: str, text: str, reason: str) -> None:
    found = parse_vars({"l": {"type": type_, "value": text}})
    with pytest.raises(TickscriptError) as raised:
        values_of({"l": found["l"]})
    assert str(raised.value) == f"invalid var l: {reason}"
