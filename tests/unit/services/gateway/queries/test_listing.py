"""Which part of a list is shown."""

from __future__ import annotations

import pytest

from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.listing import Page

IDS = ["a1", "a2", "a3", "b1"]


def page(pattern: str = "", offset: str = "", limit: str = "") -> Page:
    return Page({"pattern": pattern, "offset": offset, "limit": limit})


@pytest.mark.parametrize(
    ("pattern", "offset", "limit", "shown"),
    [
        ("", "", "", IDS),
        ("a*", "1", "1", ["a2"]),
        ("a*", "", "-1", ["a1", "a2", "a3"]),
        ("a*", "2", "-5", ["a3"]),
        ("", "-3", "2", ["a1", "a2"]),
        ("", "9", "", []),
        ("", "", "0", []),
        ("", "+1", "+2", ["a2", "a3"]),
        ("", "0001", "9223372036854775807", ["a2", "a3", "b1"]),
        ("", "+" + "0" * 5000 + "1", "0" * 5000, []),
        ("[", "", "", []),
    ],
)
def test_a_page_is_what_pattern_offset_and_limit_leave(pattern: str, offset: str, limit: str, shown: list[str]) -> None:
    assert page(pattern, offset, limit).of(IDS) == shown


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "0x1", "1_0", "--1", "٣", "9223372036854775808", "9" * 5000])
def test_what_is_no_int64_is_refused(text: str) -> None:
    with pytest.raises(OperationError, match="invalid limit parameter"):
        page(limit=text)
