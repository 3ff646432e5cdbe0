"""Go's formats: what is printed is read back the same, and is what an oracle that knows nothing of Go says."""

import ast
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grammar.golang.durations import format_go_duration, parse_go_duration
from grammar.golang.numbers import (
    float_literal,
    float_of,
    format_float,
    int_literal,
    integer_with_base,
    parse_float,
    parse_int,
    plain_float,
)
from grammar.golang.quoting import quote, unquote
from grammar.golang.times import (
    civil,
    days_until,
    format_rfc3339,
    format_rfc3339_padded,
    parse_rfc3339,
    time_string,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
# Of all sizes alike: a duration of a few microseconds is as likely as one of years.
NANOSECONDS = st.integers(0, 62).flatmap(lambda bits: st.integers(-(2**bits), 2**bits)) | INT64
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
YEAR_1, YEAR_10000 = -62_135_596_800 * 10**9, 253_402_300_800 * 10**9
TERMS = st.tuples(st.from_regex(r"[0-9]{1,4}(\.[0-9]{0,3})?|\.[0-9]{1,4}", fullmatch=True), st.sampled_from([*UNITS]))


def exact(duration: str) -> Fraction:
    """Nanoseconds of a duration, added up term by term."""
    terms = re.findall(r"([0-9.]+)([a-zµμ]+)", duration)
    total = sum((Fraction(number) * UNITS[unit] for number, unit in terms), Fraction())
    return -total if duration.startswith("-") else total


@given(NANOSECONDS.filter(lambda ns: ns > -(2**63)))
def test_a_duration_is_read_back(ns: int) -> None:
    text = format_go_duration(ns)
    assert parse_go_duration(text) == ns
    assert exact(text) == ns


@given(NANOSECONDS)
def test_a_duration_has_no_zero_that_is_not_needed_and_no_part_beyond_its_unit(ns: int) -> None:
    text = format_go_duration(ns).removeprefix("-")
    assert re.fullmatch(r"0s|[\d.]+[nµm]s|(\d+h)?(\d+m)?[\d.]+s", text)
    number, unit = re.fullmatch(r".*?([\d.]+)([nµm]?s)", text).groups()  # type: ignore[union-attr]
    assert not re.search(r"\.$|\.\d*0$|^0\d", number)
    assert float(number) < (60 if unit == "s" else 1000)
    assert not (found := re.search(r"(\d+)m\d", text)) or int(found[1]) < 60
    assert not re.match(r"0[hmnµ]", text)


@given(st.lists(TERMS, min_size=1, max_size=4), st.sampled_from(["", "-", "+"]))
def test_a_duration_is_the_sum_of_its_terms(terms: list[tuple[str, str]], sign: str) -> None:
    size = sum(int(Fraction(number) * UNITS[unit]) for number, unit in terms)
    assert parse_go_duration(sign + "".join(map("".join, terms))) == (-size if sign == "-" else size)


@given(st.floats())
@example(5e-324)
@example(-0.0)
@example(1.7976931348623157e308)
def test_a_float_is_read_back(value: float) -> None:
    for verb in "efgEGxX":
        text = format_float(value, verb)
        for read in (parse_float, float_of):
            found = read(text)
            assert found is not None
            assert math.isnan(found) if math.isnan(value) else math.copysign(1, found) == math.copysign(1, value)
            assert found == value or math.isnan(value)


@given(FLOATS)
def test_a_float_has_the_digits_that_python_finds(value: float) -> None:
    for verb in "efg":
        assert Decimal(format_float(value, verb)) == Decimal(repr(value))
    assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?", plain_float(value))
    assert ("e" in format_float(value, "g")) == (value != 0 and not 1e-4 <= abs(value) < 1e6)
    assert float.fromhex(format_float(value, "x")) == value
    mantissa, exponent = format_float(value, "b").split("p")
    assert Fraction(int(mantissa)) * Fraction(2) ** int(exponent) == Fraction(value)


@given(st.integers(-(2**66), 2**66) | INT64)
def test_an_integer_is_read_back_where_it_fits(value: int) -> None:
    for text in (str(value), hex(value), oct(value), bin(value)):
        assert int_literal(text) == value
        assert integer_with_base(text) == (value if -(2**63) <= value < 2**64 else None)
    if -(2**63) <= value < 2**63:
        assert parse_int(str(value)) == value
    else:
        with pytest.raises(ValueError, match=r"^value out of range$"):
            parse_int(str(value))


@given(st.text(alphabet="0123456789+-._eExXpPinfatyab", max_size=8))
def test_each_reader_takes_what_the_stricter_one_takes(text: str) -> None:
    try:
        value = parse_float(text)
    except ValueError:
        return
    for found in (float_of(text), float_literal(text)):
        assert found == value or (math.isnan(value) and found is not None and math.isnan(found))
    plain = text.lower().lstrip("+-").startswith("0x")
    assert math.isnan(value) or (float.fromhex(text) if plain else float(text)) == value


@given(st.integers(YEAR_1, YEAR_10000 - 1) | INT64)
def test_a_time_is_read_back(ns: int) -> None:
    assert parse_rfc3339(format_rfc3339(ns)) == ns
    assert parse_rfc3339(format_rfc3339_padded(ns)) == ns


@given(st.integers(YEAR_1, YEAR_10000 - 1))
def test_a_time_is_what_pythons_calendar_says(ns: int) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // 10**9)
    day, clock = when.isoformat().removesuffix("+00:00").split("T")
    fraction = f".{ns % 10**9:09d}"
    assert format_rfc3339_padded(ns) == f"{day}T{clock}{fraction}Z"
    assert format_rfc3339(ns) == f"{day}T{clock}{fraction.rstrip('0').rstrip('.')}Z"
    assert time_string(ns) == f"{day} {clock}{fraction.rstrip('0').rstrip('.')} +0000 UTC"


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 12, 31),
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_a_time_of_any_zone_is_what_python_reads(when: datetime) -> None:
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_rfc3339(when.isoformat()) == (since // timedelta(microseconds=1)) * 1000


@given(INT64, INT64)
def test_padded_times_sort_as_their_texts(one: int, other: int) -> None:
    assert (one < other) == (format_rfc3339_padded(one) < format_rfc3339_padded(other))


@given(st.dates())
def test_days_are_those_of_pythons_calendar(day: date) -> None:
    number = day.toordinal() - date(1970, 1, 1).toordinal()
    assert civil(number) == (day.year, day.month, day.day)
    assert days_until(day.year, day.month, day.day) == number


@given(st.integers(-(10**7), 10**7))
def test_a_calendar_of_any_year_repeats_after_400(days: int) -> None:
    year, month, day = civil(days)
    assert days_until(year, month, day) == days
    assert civil(days + 146_097) == (year + 400, month, day)


@given(st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")), st.sampled_from("\"'"), st.booleans())
def test_a_quoted_text_is_read_back(text: str, mark: str, ascii_only: bool) -> None:
    quoted = quote(text, mark, ascii_only)
    assert quoted.isprintable()
    assert quoted.isascii() or not ascii_only
    if mark == '"':
        assert unquote(quoted) == text


@given(st.text())
def test_a_quoted_text_is_what_python_reads(text: str) -> None:
    for mark in "\"'":
        assert ast.literal_eval(quote(text, mark)) == text
        assert unquote(quote(text, mark)) == text
