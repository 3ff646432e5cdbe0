"""YAML and JSON as plain data, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.load.yaml_json import MOST_VALUES, NoDocument, parse_json, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("10", 10),
        ("010", 8),
        ("0x1F", 31),
        ("-.5", -0.5),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("1m", "1m"),
        ("1.2.3.4", "1.2.3.4"),
        ("yes", True),
        ("y", True),
        ("0b11", 3),
        ("0o17", 15),
        ("1e999", "1e999"),
        ("=", "="),
        ("!!binary aGk=", "hi"),
        ("!!set {b}", {"b": None}),
        ("!!python/object/apply:os.system ['true']", ["true"]),
        ("~", None),
        ("", None),
        ("---\na: {b: [x, 'y']}", {"a": {"b": ["x", "y"]}}),
        ("{404: a, yes: b, 1.5: c, n: d}", {"404": "a", "true": "b", "1.5": "c", "n": "d"}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
    ],
)
def test_yaml_as_kapacitor_reads_it(text: str, value: Any) -> None:
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_json_and_yaml_give_the_same_data() -> None:
    text = '{"a": [1, 2.5, "x", true, null]}'
    assert parse_json(text) == parse_yaml(text) == {"a": [1, 2.5, "x", True, None]}


@pytest.mark.parametrize(
    ("text", "told", "line", "column"),
    [
        ("a: 1\nb: [1", "while parsing a flow sequence, did not find expected ',' or ']'", 3, 1),
        ("a: 1\n\tb: 2", "found a tab character that violates indentation", 2, 1),
        ("a: 1\na: 2", "the key 'a' stands twice", 2, 1),
        ("a: 1\n---\nb: 2", "expected a single document", 2, 1),
        ("a: *b", "unknown anchor 'b' referenced", 1, 4),
        ("a: !!int x", "cannot decode `x` as a !!int", 1, 4),
        ("a: .nan", ".nan is no number that can be given", 1, 4),
        ("a: 9223372036854775808", "an integer does not fit into 64 bits", 0, 0),
        ('a: "\\uD800"', "invalid Unicode character escape code", 1, 7),
        ("a: \x01", "control characters are not allowed", 0, 0),
        ("&a [*a]", "anchor 'a' value contains itself", 1, 5),
        ("[" * 5000, "exceeded maximum nesting depth", 1, 1001),
        ("- " * 100_000, "nested too deeply", 0, 0),
    ],
)
def test_broken_yaml_says_what_is_wrong_and_where(text: str, told: str, line: int, column: int) -> None:
    with pytest.raises(NoDocument) as raised:
        parse_yaml(text)
    assert told in str(raised.value) and "\n" not in str(raised.value)
    assert (raised.value.line, raised.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "told", "line", "column"),
    [
        ('{"a": 1\n "b": 2}', "Expecting ',' delimiter", 2, 2),
        ("{a: 1}", "Expecting property name", 1, 2),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice", 0, 0),
        ('{"a": NaN}', "NaN is no JSON", 0, 0),
        ('{"a": 1e999}', "inf is no number that can be given", 0, 0),
        ('{"a": 18446744073709551616}', "an integer does not fit into 64 bits", 0, 0),
        ("1" * 5000, "", 0, 0),
        ('"\\ud800"', "a string holds half of a surrogate pair", 0, 0),
        ("[" * 100_000, "nested too deeply", 0, 0),
    ],
)
def test_broken_json_says_what_is_wrong_and_where(text: str, told: str, line: int, column: int) -> None:
    with pytest.raises(NoDocument) as raised:
        parse_json(text)
    assert told in str(raised.value)
    assert (raised.value.line, raised.value.column) == (line, column)


def test_aliases_cannot_blow_a_document_up() -> None:
    ten = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    ten += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(NoDocument, match=f"holds more than {MOST_VALUES} values"):
        parse_yaml("\n".join(ten))
