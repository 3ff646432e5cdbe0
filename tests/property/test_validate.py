"""Whatever a body holds, it is judged as the reference parser judges its lines, in parts of any size."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from services.lineprotocol import reference_parser, validate
from services.lineprotocol.validate import check, check_each_line
from tests.support.examples import examples

SEPARATORS = st.sampled_from([b"", b" ", b"  ", b"\t", b"\0", b"\\", b",", b"=", b'"', b"\r", b"\n"])
NAMES = st.sampled_from(
    [b"m", b"cpu", b"a", b"b", b"bb", b"_", b"1", b"#", b"\\ ", b"a\\,b", b"\\=x", b'q"', b"\xff", b"\\"]
)
TAGS = st.lists(st.builds(b",%b=%b".__mod__, st.tuples(NAMES, NAMES)), max_size=4).map(b"".join)
_FLOATS = (b"1", b"-1.5", b".5", b"5.", b"1e5", b"1e999", b"1E-7", b"-", b".", b"NaN", b"+Inf", b"1e", b"9" * 400)
_INTS = (b"1i", b"-7i", b"1.5i", b"9223372036854775807i", b"-9223372036854775809i", b"0" * 30 + b"1i")
NUMBERS = st.sampled_from([*_FLOATS, *_INTS])
STRINGS = st.sampled_from(
    [b'""', b'"a b"', b'"a\nb"', b'"=,"', b'"\\""', b'"\\\\"', b'"\\', b'"', b'"x"y', b'"#\nm v=1"']
)
BOOLS = st.sampled_from([b"t", b"F", b"true", b"FALSE", b"tRUE", b"yes", b"true\0", b"T\0"])
FIELDS = st.lists(
    st.builds(b"%b=%b".__mod__, st.tuples(NAMES, st.one_of(NUMBERS, STRINGS, BOOLS))), min_size=1, max_size=3
).map(b",".join)
TIMES = st.one_of(
    st.sampled_from([b"", b" ", b" 17", b" -17", b"  17  ", b" 1 2", b" x", b" -", b"\t17", b" 1\r", b" " + b"0" * 30]),
    st.builds(
        lambda unit, more: b" %d" % (reference_parser.MAX_TIME // unit + more),
        st.sampled_from([1, 10**3, 10**6, 10**9, 60 * 10**9, 3600 * 10**9]),
        st.integers(-1, 1),
    ),
)
POINTS = st.builds(
    lambda before, name, tags, fields, time: before + name + tags + b" " + fields + time,
    st.one_of(st.just(b""), SEPARATORS),
    NAMES,
    TAGS,
    FIELDS,
    TIMES,
)
LINES = st.one_of(
    POINTS,
    POINTS,
    st.sampled_from([b"", b"# a comment", b'# a "comment"', b'# a="b', b"  # c", b"m", b"cpu,host=a idle=1.5 17"]),
    st.lists(st.one_of(NAMES, SEPARATORS, NUMBERS, STRINGS, TIMES), max_size=8).map(b"".join),
)


@examples(600)
@given(
    st.lists(LINES, max_size=8),
    st.sampled_from(["n", "u", "ms", "s", "m", "h", "ns"]),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_a_body_is_judged_as_each_of_its_lines(lines: list[bytes], precision: str, parts: tuple[int, int]) -> None:
    body = b"\n".join(lines)
    expected = check_each_line(body, reference_parser.multiplier(precision))
    assert check(body, precision) == expected
    with patch.object(validate, "_LEAST", min(parts)), patch.object(validate, "MOST", max(parts)):
        assert check(body, precision) == expected


@examples(300)
@given(st.lists(LINES, max_size=6).map(b"\n".join))
def test_a_body_can_be_split_where_a_line_ends(body: bytes) -> None:
    lines = list(reference_parser.lines(body))
    end = reference_parser.line_end(body, 0)
    assert [*reference_parser.lines(body[: end + 1]), *reference_parser.lines(body[end + 1 :])] == lines
