import pytest

from grammar.tickscript.literals import format_duration, format_float, parse_duration, parse_number

S = 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("90m", 5400 * S),
        ("1h30m", 5400 * S),
        ("5u", 5000),
        ("5µ", 5000),
        ("7ms", 7 * 10**6),
        ("1m5ms", 60 * S + 5 * 10**6),
        ("2w1d", 15 * 86400 * S),
        ("-10m", -600 * S),
        ("0s", 0),
    ],
)
def test_parse_duration(text: str, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    "text", ["", "s", "5", "1.5h", "5 m", "1h 30m", "5ns", "5x", "+5s", "٣s", "9223372036854775808s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)


def test_a_duration_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="overflowed duration 300000w: choose a smaller duration or INF"):
        parse_duration("300000w")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (48 * 3600 * S, "2d"),
        (14 * 86400 * S, "2w"),
        (36 * 3600 * S, "36h"),
        (90 * 60 * S, "90m"),
        (90 * S, "90s"),
        (1500 * 10**6, "1500ms"),
        (1500, "1u"),
        (-1500, "-1u"),
        (-600 * S, "-10m"),
    ],
)
def test_format_duration(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize(
    ("text", "value", "base"),
    [
        ("0", 0, 10),
        ("017", 15, 8),
        ("9223372036854775807", 2**63 - 1, 10),
        (".5", 0.5, 10),
        ("5.", 5.0, 10),
        ("08.5", 8.5, 10),
    ],
)
def test_parse_number(text: str, value: int | float, base: int) -> None:
    number = parse_number(text)
    assert number == (value, base)
    assert type(number[0]) is type(value)


@pytest.mark.parametrize("text", ["09", "9223372036854775808", "0" + "7" * 22, "9" * 400 + ".0", "٣"])
def test_numbers_without_a_value(text: str) -> None:
    with pytest.raises(ValueError, match="illegal number syntax: "):
        parse_number(text)


def test_floats_have_no_exponent() -> None:
    assert format_float(1e-9) == "0.000000001"
    assert format_float(12345678901234567890.0) == "12345678901234567000.0"
