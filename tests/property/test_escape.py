"""Any name is one subject token and comes back from it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from services.bus.subjects import (
    escape,
    event_subject,
    parse_event_subject,
    parse_write_subject,
    unescape,
    write_subject,
)

_names = st.text(st.characters(), max_size=60)
_TOKEN = re.compile(r"[A-Za-z0-9_=-]+")


@given(_names)
def test_a_name_is_one_token_and_comes_back(name: str) -> None:
    token = escape(name)
    assert _TOKEN.fullmatch(token)
    assert unescape(token) == name


@given(_names, _names)
def test_two_names_have_two_tokens(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(st.text("abcXYZ019_-", min_size=1))
def test_plain_names_stay_readable(name: str) -> None:
    assert escape(name) == name


@given(_names, _names, _names)
def test_subjects_come_back(one: str, two: str, three: str) -> None:
    assert parse_write_subject(write_subject(one, two)) == (one, two)
    assert parse_event_subject(event_subject(one, two, three)) == (one, two, three)
