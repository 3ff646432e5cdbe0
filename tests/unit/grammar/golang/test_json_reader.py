"""JSON as encoding/json reads it: every number a float, and no text that cannot be written again."""

from __future__ import annotations

from typing import Any

import pytest

from grammar.golang.json_reader import parse_json


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": 18446744073709551616, "b": -0, "c": 1e3, "d": 9007199254740993}',
         {"a": 2.0**64, "b": -0.0, "c": 1000.0, "d": 9007199254740992.0}),
        (b"1" * 300, float("1" * 300)),
        (b'{"a": 1, "a": 2}', {"a": 2.0}),
        (b'"\\ud800x"', "\ufffdx"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'["\xff"]', ["\ufffd"]),
        (b"null", None),
    ],
)  # fmt: skip
def test_what_is_read(data: bytes, value: Any) -> None:
    assert parse_json(data) == value
    assert str(parse_json(data)) == str(value)


@pytest.mark.parametrize(
    "data",
    [b"", b"NaN", b"[Infinity]", b"1e400", b"1" * 400, b"01", b"{} x", b"{a: 1}", b'\xef\xbb\xbf{"a": 1}', b'"\x01"',
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(data)
