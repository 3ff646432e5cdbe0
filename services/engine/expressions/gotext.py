"""Floats and quoted strings as Go writes them."""

from __future__ import annotations

import json
import math
from decimal import Decimal


def plain_float(value: float) -> str:
    """The shortest decimal that reads back as `value`, without an exponent: what string() gives."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def float_text(value: float) -> str:
    """As `plain_float`, but with an exponent where it is below -4 or above 20: Go's %v."""
    if value == 0 or not math.isfinite(value) or 1e-4 <= abs(value) < 1e21:
        return plain_float(value)
    mantissa, exponent = format(Decimal(repr(value)).normalize(), "e").split("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:]:0>2}"


def quoted(text: str) -> str:
    """The text in double quotes with escapes."""
    return json.dumps(text, ensure_ascii=False)
