"""Patterns of ids against what Go's path.Match says of them."""

from __future__ import annotations

import time

import pytest

from services.gateway.queries.glob import compile_glob


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("abc", "abc", True),
        ("*", "anything.at-all", True),
        ("*", "a/b", False),
        ("a*c", "abbbc", True),
        ("a?c", "aéc", True),
        ("a?c", "ac", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[!a]x", "!x", True),
        ("[a\\-c]x", "-x", True),
        ("[a\\-c]x", "bx", False),
        ("[\\]]", "]", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a.b", "axb", False),
        ("[c-a]", "b", False),
        ("[c-az]", "z", True),
        ("a\n?", "a\nb", True),
    ],
)
def test_a_pattern_fits_what_go_s_fits(pattern: str, text: str, fits: bool) -> None:
    assert compile_glob(pattern).matches(text) is fits


@pytest.mark.parametrize("pattern", ["[", "[]", "[]a]", "[-a]", "[a-]", "[a", "a\\", "[a\\", "[^]"])
def test_a_malformed_pattern_fits_nothing(pattern: str) -> None:
    assert not any(compile_glob(pattern).matches(text) for text in (pattern, "", "a", "]", "-", "^"))


def test_many_stars_cost_no_more_than_one() -> None:
    begun = time.process_time()
    assert not compile_glob("*a" * 30 + "b").matches("a" * 5000)
    assert time.process_time() - begun < 0.5
