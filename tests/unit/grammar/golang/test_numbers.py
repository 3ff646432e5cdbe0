"""Numbers in text, as strconv has them."""

from __future__ import annotations

import time

import pytest

from grammar.golang.numbers import (
    float_literal,
    float_of,
    format_float,
    int_literal,
    integer_with_base,
    parse_bool,
    parse_float,
    parse_int,
    parse_separated_float,
    plain_float,
    short_float,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0),
        ("+.5e1", 5.0),
        ("0x_1.8p1", 3.0),
        ("0x1_0p1", 32.0),
        ("0_x1p1", None),
        ("Inf", float("inf")),
        ("-INFINITY", float("-inf")),
        ("1e400", None),
        ("1_000", 1000.0),
        ("1e1_0", 1e10),
        ("1__0", None),
        ("1_", None),
        ("1_.5", None),
        (" 5", None),
        ("0x1", None),
        ("", None),
        ("-nan", None),
        ("٣", None),
    ],
)
def test_floats(text: str, value: float | None) -> None:
    assert float_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5.0), ("+.5e1", 5.0), ("0x1.8p1", 3.0), ("-INFINITY", float("-inf")), ("1e-400", 0.0)],
)
def test_floats_without_underscores(text: str, value: float) -> None:
    assert parse_float(text) == value


def test_floats_with_underscores() -> None:
    assert parse_separated_float("1_0.5") == 10.5
    with pytest.raises(ValueError, match=r"^invalid syntax$"):
        parse_separated_float("1__0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1_000", "invalid syntax"), ("0x_1p1", "invalid syntax"), ("", "invalid syntax"), ("-nan", "invalid syntax"),
     ("1e400", "value out of range"), ("-0x1p1024", "value out of range")],
)  # fmt: skip
def test_no_floats(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("+5", 5), ("-05", -5), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
     ("0" * 5000 + "7", 7)],
)  # fmt: skip
def test_integers(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [("9223372036854775808", "value out of range"), ("9" * 5000, "value out of range"), ("5.0", "invalid syntax"),
     ("1_0", "invalid syntax"), ("", "invalid syntax"), ("-", "invalid syntax"), ("٣", "invalid syntax")],
)  # fmt: skip
def test_no_integers(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_int(text)


def test_booleans() -> None:
    assert [parse_bool(text) for text in ("1", "t", "T", "TRUE", "true", "True")] == [True] * 6
    assert [parse_bool(text) for text in ("0", "f", "F", "FALSE", "false", "False")] == [False] * 6
    for text in ("", "yes", "tRUE", "2"):
        with pytest.raises(ValueError, match=r"^invalid syntax$"):
            parse_bool(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x1F", 31), ("-0b101", -5), ("0o17", 15), ("017", 15), ("0", 0), ("18446744073709551615", 2**64 - 1),
     ("18446744073709551616", None), ("+9223372036854775808", None), ("09", None), ("1_0", None), ("", None)],
)  # fmt: skip
def test_integers_with_a_base(text: str, value: int | None) -> None:
    assert integer_with_base(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x_1F", 31), ("0_17", 15), ("1_000", 1000), ("-0b1_01", -5), ("9" * 30, 10**30 - 1), ("1__0", None),
     ("09", None), ("1.5", None), ("", None)],
)  # fmt: skip
def test_integers_in_source(text: str, value: int | None) -> None:
    assert int_literal(text) == value


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), ("0x_1.8p1", 3.0), ("1_000.5", None), ("1e400", None)])
def test_floats_in_source(text: str, value: float | None) -> None:
    assert float_literal(text) == value


@pytest.mark.parametrize(
    ("value", "plain", "shortest"),
    [(12.0, "12", "12"), (-0.0, "-0", "-0"), (1e6, "1000000", "1e+06"), (1.5e-7, "0.00000015", "1.5e-07"),
     (1e22, "1" + "0" * 22, "1e+22"), (float("nan"), "NaN", "NaN"), (float("inf"), "+Inf", "+Inf"),
     (float("-inf"), "-Inf", "-Inf"), (123456789.5, "123456789.5", "1.234567895e+08")],
)  # fmt: skip
def test_floats_in_full_and_short(value: float, plain: str, shortest: str) -> None:
    assert plain_float(value) == format_float(value, "f") == plain
    assert format_float(value, "g") == shortest


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1.0, "1"), (100000.0, "100000"), (1e6, "1e+06"), (16777217.0, "1.6777216e+07"), (1e-5, "1e-05"),
     (-2.5, "-2.5"), (0.0, "0"), (1e308, "+Inf"), (3.4028235e38, "3.4028235e+38")],
)  # fmt: skip
def test_floats_of_32_bits(value: float, text: str) -> None:
    assert short_float(value) == text


@pytest.mark.parametrize("text", ["1" * 20_000 + "x", "0x1" + "0" * 20_000, "1" * 20_000 + "e"])
def test_what_is_long_and_no_float_takes_no_longer_than_to_read_it(text: str) -> None:
    began = time.process_time()
    assert float_of(text) is None
    assert time.process_time() - began < 1
