"""Constants worked out while a script is compiled."""

from __future__ import annotations

import pytest

from grammar.tickscript.parser import parse_lambda
from services.columns.column import Duration
from services.expressions.constant import constant


def test_values_keep_their_types() -> None:
    assert constant(parse_lambda("7 / -2 * 2 + 7 % 4")) == -3
    assert constant(parse_lambda("strToUpper('a') + string(2.5) + if(1 < 1.5, 'x', 'y')")) == "A2.5x"
    half = constant(parse_lambda("1h * 0.5"))
    assert half == 1_800_000_000_000
    assert type(half) is Duration
    assert type(constant(parse_lambda("1h / 1m"))) is int
    assert constant(parse_lambda("'web1' =~ /^web\\d$/ AND TRUE")) is True


MISMATCH = "mismatched type to binary operator. got int + float. see bool(), int(), float(), string(), duration()"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('1 + "r"', 'name "r" is undefined. Names in scope: '),
        ("1 + nosuch(2)", 'undefined function: "nosuch"'),
        ("1 + abs(2)", 'Cannot call function "abs" with args (2: int), available signatures are [(float)].'),
        ("hour(now()) + 1", "now() has no value before the task runs"),
        ("1 + 2.0", MISMATCH),
        ("-(1 + 2.0)", MISMATCH),
        ("(1 + 2.0) * 3", f"Failed to handle left node: {MISMATCH}"),
        (
            "1 + (2 + -(1 + 2.0))",
            f"Failed to handle right node: Failed to handle right node: Failed to handle node: {MISMATCH}",
        ),
    ],
)
def test_what_has_no_value(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        constant(parse_lambda(text))
    assert str(raised.value) == reason
