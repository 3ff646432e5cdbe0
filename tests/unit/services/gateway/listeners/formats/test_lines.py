"""Points as lines: each that is written is one that is taken, and reads as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.listeners.formats.lines import NoPoint, line_of, words
from services.lineprotocol.validate import check
from tests.support.examples import examples
from tests.unit.services.gateway.listeners.points import shown

NAMES = st.text(st.sampled_from('ab,=" #.\té☃'), max_size=5)
FIELDS = NAMES.filter(lambda name: bool(name) and not name.startswith("\t"))


@examples(300)
@given(
    NAMES,
    st.dictionaries(NAMES, NAMES, max_size=3),
    FIELDS,
    st.floats(),
    st.integers(-(2**64), 2**64),
)
def test_a_line_is_valid_and_reads_as_it_was_meant(
    name: str, tags: dict[str, str], field: str, value: float, time: int
) -> None:
    try:
        line = line_of(name, tags, field, value, time)
    except NoPoint:
        return
    assert check(line, "n") is None
    ((read, read_tags, fields, _),) = shown(line)
    assert (read_tags, fields) == ({tag: text for tag, text in tags.items() if text}, {field: value})
    assert read == name.lstrip("\t")


@pytest.mark.parametrize(
    ("name", "tags", "value", "time"),
    [
        ("", {}, 1.0, 0),
        ("#m", {}, 1.0, 0),
        ("\\", {}, 1.0, 0),
        ("m", {"": "x"}, 1.0, 0),
        ("m", {}, float("inf"), 0),
        ("m", {}, float("nan"), 0),
        ("m", {}, 1.0, 2**63),
        ("m" * 70000, {}, 1.0, 0),
        ("m", {"a": "x" * 70000}, 1.0, 0),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, tags: dict[str, str], value: float, time: int) -> None:
    with pytest.raises(NoPoint):
        line_of(name, tags, "value", value, time)


def test_words_are_those_of_go() -> None:
    assert words(" a\tb\vc\u00a0d\u2003e\x1ff\u200bg ") == ["a", "b", "c", "d", "e\x1ff\u200bg"]


def test_a_tag_of_backslashes_alone_is_left_out() -> None:
    assert line_of("m", {"a": "\\", "b": "x\\"}, "value", 1.0, 1) == b"m,b=x value=1 1"
