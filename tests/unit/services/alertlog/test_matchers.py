"""Matchers: values, regular expressions of whole values, negations, what an alert lacks."""

from __future__ import annotations

import pytest

from services.alertlog.matchers import Labels, all_fit, matcher

LABELS = Labels("cpu", "a/usage", "rule", "CRITICAL", "cpu", {"host": "web1", "task": "batch", "dc": ""})


@pytest.mark.parametrize(
    ("name", "value", "is_regex", "is_equal", "fits"),
    [
        ("host", "web1", False, True, True),
        ("host", "web", False, True, False),
        ("host", "web", False, False, True),
        ("host", "web.*", True, True, True),
        ("host", "web", True, True, False),  # the whole value
        ("host", "eb1|web1", True, True, True),
        ("host", "web.*", True, False, False),
        ("topic", "cpu", False, True, True),
        ("id", "a/.*", True, True, True),
        ("level", "WARNING|CRITICAL", True, True, True),
        ("name", "cpu", False, True, True),
        ("task", "rule", False, True, True),
        ("tag:task", "batch", False, True, True),
        ("rack", "", False, True, True),
        ("rack", "a", False, False, True),
        ("dc", "", False, True, True),
    ],
)
def test_one(name: str, value: str, is_regex: bool, is_equal: bool, fits: bool) -> None:
    assert all_fit([matcher(name, value, is_regex, is_equal)], LABELS) is fits


def test_all_must_fit() -> None:
    host, level = matcher("host", "web1", False, True), matcher("level", "OK", False, True)
    assert all_fit([host], LABELS)
    assert not all_fit([host, level], LABELS)


@pytest.mark.parametrize("value", ["(", "a)|(b", "(?<=a)b", "a" * 100_000])
def test_what_is_no_regular_expression(value: str) -> None:
    with pytest.raises(ValueError, match="invalid matcher for host: error parsing regexp"):
        matcher("host", value, True, True)
