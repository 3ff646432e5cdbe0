"""JSON as Go's encoding/json writes it: what Kapacitor 1.5.7 gave for the same values."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.golang.errors import CallError
from grammar.golang.json_writer import encode, to_json
from grammar.gotemplate import Time
from tests.support.examples import examples

NUMBERS = [
    (4.0, "4"),
    (-3.0, "-3"),
    (0.1, "0.1"),
    (0.0, "0"),
    (-0.0, "-0"),
    (100000.0, "100000"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1e21, "1e+21"),
    (1e-6, "0.000001"),
    (1e-7, "1e-7"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740993, "9007199254740993"),
    (True, "true"),
    (None, "null"),
]


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_numbers(value: object, text: str) -> None:
    assert encode({"v": [value]}) == f'{{"v":[{text}]}}'.encode()
    assert encode(value) == to_json(value).encode() == text.encode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('<a>&"b\\ é', '"\\u003ca\\u003e\\u0026\\"b\\\\ é"'),
        ("\u2028\u2029\x7f\t\n", '"\\u2028\\u2029\x7f\\t\\n"'),
        ("\b\f\x00", '"\\u0008\\u000c\\u0000"'),
        ("\\b\\\\f", '"\\\\b\\\\\\\\f"'),
    ],
)
def test_texts(text: str, wanted: str) -> None:
    assert encode(text) == to_json(text).encode() == wanted.encode()
    assert encode({text: 1}) == f"{{{wanted}:1}}".encode()


def test_bytes_that_are_no_text_do_not_stop_it() -> None:
    assert orjson.loads(encode({"a\udcff": ["\udc80", 4.0]})) == {"a\ufffd": ["\ufffd", 4]}


def test_keys_keep_their_order_and_what_was_written_before_its_form() -> None:
    value = {"b": {"z": 1.0, "a": (2.0, 2.5)}, "at": Time(0), "a": orjson.Fragment(b"1.0")}
    assert encode(value) == b'{"b":{"z":1,"a":[2,2.5]},"at":"1970-01-01T00:00:00Z","a":1.0}'
    assert encode({"a": [1.0]}, indented=True) == b'{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")])
def test_what_has_no_json_is_refused(value: float, name: str) -> None:
    with pytest.raises(CallError, match=f"json: unsupported value: {name.replace('+', '[+]')}"):
        encode({"v": [1.0, value]})


@examples(300)
@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1), st.text()))
def test_the_fast_way_writes_what_the_other_writes(value: object) -> None:
    assert encode([value]) == to_json([value]).encode()
