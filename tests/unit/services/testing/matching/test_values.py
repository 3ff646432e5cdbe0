"""A value held against what was expected of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.testing.matching.values import ABSENT, Difference, differences

START = 946_684_800 * 10**9


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (3, 3.0),
        (None, None),
        (None, ABSENT),
        ("*", "anything"),
        ("/^a.c$/", "abc"),
        ("~ 3.1", 3.14159),
        ("~ 100 ± 5", 96),
        ("~ 100 +- 5", 105.0),
        ("= /a/", "/a/"),
        ("= *", "*"),
        ("10m", "2000-01-01T00:10:00Z"),
        ("@10m", "2000-01-01T00:10:00Z"),
        ("2000-01-01T01:00:00+01:00", "2000-01-01T00:00:00Z"),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1, {"a": 2}], [1, {"a": 2, "b": 3}]),
    ],
)
def test_it_is_as_expected(expected: Any, got: Any) -> None:
    assert not list(differences(expected, got, START))


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, True),
        (3, "3"),
        ("*", ABSENT),
        ("/^a.c$/", "abcd"),
        ("/a/", 3),
        ("~ 3.1", 3.16),
        ("~ 100 ± 5", 106),
        ("~ 1", True),
        ("= /a/", "a"),
        ("10m", "2000-01-01T00:11:00Z"),
        (None, 0),
        ([1], [1, 2]),
        ({"a": 1}, [1]),
    ],
)
def test_it_is_not(expected: Any, got: Any) -> None:
    assert list(differences(expected, got, START)) == [Difference((), expected, got)]


def test_a_difference_has_its_place() -> None:
    found = list(differences({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1, "c": 3}]}, START))
    assert found == [Difference(("a", 0, "c"), 2, 3)]


def test_exactly_is_without_further_keys() -> None:
    assert list(differences({"a": {}}, {"a": {"b": 1}}, START, exactly=True)) == [Difference(("a", "b"), ABSENT, 1)]


def test_a_duration_may_be_written_otherwise() -> None:
    assert not list(differences({"duration": "60s"}, {"duration": "1m"}, START))
    assert list(differences({"duration": "61s"}, {"duration": "1m"}, START))
