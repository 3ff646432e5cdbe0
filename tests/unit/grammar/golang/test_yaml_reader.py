"""YAML by the rules of Go's yaml.v2; the right values were taken from it and its JSON conversion."""

from __future__ import annotations

from typing import Any

import pytest

from grammar.golang.yaml_reader import YamlError, parse_yaml, resolve


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("22:30", "22:30"),
        ("190:20:30", "190:20:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2020-01-01", "2020-01-01"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("=", "="),
        ("<<", "<<"),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("1_000.5", 1000.5),
        ("1__0_", 10),
        ("_1", "_1"),
        (".5", 0.5),
        (".5_0", 0.5),
        (".5_", ".5_"),
        ("5.", 5.0),
        (".", "."),
        ("-", "-"),
        ("+5", 5),
        ("-0", 0),
        ("-0.0", -0.0),
        ("010", 8),
        ("08", 8.0),
        ("0o17", 15),
        ("0O17", 15),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("0x1p-2", 0.25),
        ("0b101", 5),
        ("0B101", 5),
        ("-0b11", -3),
        ("0b-11", -3),
        ("0b2", "0b2"),
        ("0x", "0x"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775809", -(2.0**63)),
        ("0x10000000000000000", "0x10000000000000000"),
        ("1e400", "1e400"),
        ("infinity", "infinity"),
        ("nan", "nan"),
        *((word, True) for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]),
        *((word, False) for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]),
        *((word, None) for word in ["", "~", "null", "Null", "NULL"]),
        *((word, word) for word in ["yEs", "tRUE", "oN", "nULL", "t", "f", "None"]),
        ("+.inf", float("inf")),
        ("-.INF", float("-inf")),
        ("-inf", float("-inf")),
        ("+.iNf", "+.iNf"),
    ],
)
def test_what_a_plain_word_stands_for(word: str, value: Any) -> None:
    found = resolve(word)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: '5'\nb: \"no\"", {"a": "5", "b": "no"}),
        ("a: !!str 5\nb: ! 5\nc: !!int '5'\nd: !!float 5", {"a": "5", "b": "5", "c": 5, "d": 5.0}),
        ("a: !!timestamp 2020-01-01\nb: !own x", {"a": "2020-01-01", "b": "x"}),
        ("a: !!binary aGk=", {"a": "hi"}),
        ("a: 1\na: 2", {"a": 2}),
        ("a: 1\n---\na: 2\n", {"a": 1}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("<<: {a: 1, b: 2}\na: 3", {"a": 3, "b": 2}),
        ("a: 3\n<<: {a: 1}", {"a": 1}),
        ("<<: [{a: 1}, {a: 2, b: 2}]", {"a": 1, "b": 2}),
        ("'<<': 1", {"<<": 1}),
        (
            "{404: 1, 1.5: 1, 1e6: 1, yes: 1, n: 1, 0x10: 1, 22:30: 1, .inf: 1}",
            dict.fromkeys(("404", "1.5", "1e+06", "true", "false", "16", "22:30", ".inf"), 1),
        ),
        ("16777217.0: 1\n0.1: 2", {"1.6777216e+07": 1, "0.1": 2}),
        ("\ufeffa: 1", {"a": 1}),
        ('{"a": "\\u00e9\\/", "b": [1, null]}', {"a": "é/", "b": [1, None]}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y", {"a": "x\ny\n", "b": "x y"}),
        ("- 1\n- {a: ~}", [1, {"a": None}]),
    ],
)
def test_documents(text: str, value: Any) -> None:
    assert parse_yaml(text) == value
    assert parse_yaml(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: .nan",
        "a: -.inf",
        "a: [",
        "a: *x",
        "a: &x [*x]",
        "~: 1",
        "9223372036854775808: 1",
        "[a]: 1",
        "{a: 1}: 1",
        "<<: 1",
        "<<: [1]",
        "a: !!int x",
        "a: !!bool 1",
        "a: !!null x",
        "a: !!binary $",
        "\tb: 1",
        "a: \x07",
        "[" * 5000,
        "- " * 50_000,
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        parse_yaml(text)


def test_strict_reading_refuses_what_the_reference_passes_over() -> None:
    for text, line in (("a: 1\na: 2", 2), ("a: 1\n---\nb: 1", 2)):
        with pytest.raises(YamlError) as raised:
            parse_yaml(text, strict=True)
        assert raised.value.line == line
    assert parse_yaml("n: 1\ny: 2\nno: 3", strict=True) == {"n": 1, "y": 2, "false": 3}
