"""Quoted texts, as strconv has them."""

from __future__ import annotations

import pytest

from grammar.golang.quoting import quote, unquote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("cpu é €", '"cpu é €"'),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("it's", '"it\'s"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        ("\x00\x1f\x7f", '"\\x00\\x1f\\x7f"'),
        ("\x80\xa0\u200b\u2028", '"\\u0080\\u00a0\\u200b\\u2028"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\udcff", '"\\xff"'),
    ],
)
def test_texts(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert unquote(quoted) == text


def test_other_marks_and_ascii_only() -> None:
    assert quote("'", "'") == "'\\''"
    assert quote('"', "'") == "'\"'"
    assert quote("é", ascii_only=True) == '"\\u00e9"'
    assert quote("e", ascii_only=True) == '"e"'
    assert unquote("`a\\n\r`") == "a\\n"
    assert unquote("'\\''") == "'"
    assert unquote('"\\101\\xc3\\xa9"') == "Aé"


@pytest.mark.parametrize("literal", ['"\\q"', '"\\x1"', '"\\ud800"', '"\\U00110000"', '"\\400"', '"\\\'"', '"\\"'])
def test_what_is_no_literal(literal: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        unquote(literal)
