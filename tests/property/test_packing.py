"""A body is packed such that its text can be made again, or not at all, and what is packed is valid."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.lineprotocol.packing import packing
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.packing import Packing
from services.lineprotocol.packing.text import text_of
from services.lineprotocol.reference_parser import MAX_TIME
from services.lineprotocol.validate import check
from tests.property.test_validate import LINES
from tests.support.examples import examples

PRECISIONS = st.sampled_from(["n", "u", "ms", "s", "m", "h"])
_PARTS = st.text("ab\\ ,=\"'.-i0t#\t\0é/", min_size=1, max_size=5).map(str.encode)
_NAMES = st.one_of(
    st.sampled_from([b"m", b"cpu", b"a", b"b", b"C:\\Windows", b"a\\ b", b"x\\,", b"\\=y", b'q"']), _PARTS
)
_DIGITS = st.from_regex(rb"\A-?[0-9]{0,20}(\.[0-9]{0,20})?(i|e-?[0-9]{1,3})?\Z")
_STRINGS = st.one_of(
    st.sampled_from([b'""', b'"a b"', b'"=,"', b'"\\""', b'"\\\\"', b'"C:\\dir"', b'"x\\']), _PARTS.map(b'"%b"'.__mod__)
)
_VALUES = st.one_of(
    _DIGITS, _DIGITS, _STRINGS, st.sampled_from([b"t", b"false", b"TRUE", b"1.", b".5", b"-0", b"-0.0"])
)
_TIMES = st.one_of(
    st.sampled_from([b" 17", b" 17", b" -17", b" 0", b" -0", b" 017", b"", b" "]),
    st.integers(-MAX_TIME - 2, MAX_TIME + 2).map(lambda time: b" %d" % time),
    st.from_regex(rb"\A -?[0-9]{1,20}\Z"),
)
_ODD_LINES = st.builds(
    lambda name, tags, fields, time: (
        name + b"".join(b",%b=%b" % tag for tag in tags) + b" " + b",".join(b"%b=%b" % field for field in fields) + time
    ),
    _NAMES,
    st.lists(st.tuples(_NAMES, _NAMES), max_size=3),
    st.lists(st.tuples(_NAMES, _VALUES), min_size=1, max_size=4),
    _TIMES,
)
_PLAIN_LINES = st.builds(
    b"%b %b=%b,%b=%b %d".__mod__,
    st.tuples(
        st.sampled_from([b"m", b"cpu,a=b", b"cpu,b=2,a=1", b"disk,path=C:\\\\a", b"disk,path=C:\\ ", b"m,a=1,a=2"]),
        st.sampled_from([b"v", b"w", b"a\\ b", b"a\\\\ b"]),
        st.one_of(st.from_regex(rb"\A-?[1-9][0-9]{0,16}i\Z"), st.sampled_from([b"t", b'"a"', b'"\\""', b"1e5"])),
        st.sampled_from([b"v", b"x"]),
        st.from_regex(rb"\A-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?\Z"),
        st.sampled_from([0, -5, 17, 17, 10**18, 8 * 10**18]),
    ),
)
_PACKING = Packing(pack)
_MANY = st.lists(st.one_of(_PLAIN_LINES, _PLAIN_LINES, _ODD_LINES), min_size=1, max_size=6)


def _packed(body: bytes, precision: str) -> bytes | None:
    """With room for bodies of any kind."""
    packing.WORTH_PACKING, worth = 1e6, packing.WORTH_PACKING
    try:
        return _PACKING.pack(body, precision)
    finally:
        packing.WORTH_PACKING = worth


def _without_break(body: bytes) -> bytes:
    return body[:-1] if body.endswith(b"\n") else body


@examples(200)
@given(st.lists(st.one_of(LINES, _ODD_LINES), max_size=6).map(b"\n".join), PRECISIONS)
def test_what_is_packed_is_valid_and_can_be_told_again(body: bytes, precision: str) -> None:
    packed = _packed(body, precision)
    assert packed is None or check(body, precision) is None
    if packed:
        assert text_of(packed) == _without_break(body)


@examples(100)
@given(_MANY, st.integers(1, 60), st.binary(max_size=1), PRECISIONS)
def test_bodies_of_many_lines(lines: list[bytes], times: int, end: bytes, precision: str) -> None:
    body = b"\n".join(lines * times) + end
    packed = _packed(body, precision)
    assert packed is None or check(body, precision) is None
    if packed:
        assert text_of(packed) == _without_break(body)


@examples(60)
@given(st.lists(_PLAIN_LINES, min_size=1, max_size=6), st.integers(10, 60))
def test_what_is_written_in_a_plain_way_is_packed(lines: list[bytes], times: int) -> None:
    body = b"\n".join(lines * times)
    plain = check(body, "n") is None and b"\\\\ " not in body
    assert bool(_packed(body, "n")) == plain
