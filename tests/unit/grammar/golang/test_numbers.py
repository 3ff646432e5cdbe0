"""Numbers in text, as strconv has them."""

from __future__ import annotations

import pytest

from grammar.golang.numbers import decimal_integer, float_of, short_float


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
    [("+5", 5), ("-05", -5), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("5.0", None),
     ("1_0", None), ("", None), ("-", None), ("9" * 5000, None), ("٣", None)],
)  # fmt: skip
def test_integers(text: str, value: int | None) -> None:
    assert decimal_integer(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1.0, "1"), (100000.0, "100000"), (1e6, "1e+06"), (16777217.0, "1.6777216e+07"), (1e-5, "1e-05"),
     (-2.5, "-2.5"), (0.0, "0"), (1e308, "+Inf"), (3.4028235e38, "3.4028235e+38")],
)  # fmt: skip
def test_floats_of_32_bits(value: float, text: str) -> None:
    assert short_float(value) == text
