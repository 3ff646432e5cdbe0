"""The functions that lambdas may call, by name. Each is declared once, in the module of its family."""

from __future__ import annotations

from services.expressions.functions import (
    conditions,
    conversions,
    humanize,
    mathematics,
    regexes,
    stateful,
    strings,
    times,
)
from services.expressions.typed.signatures import Function

_FAMILIES = (conversions, conditions, humanize, mathematics, regexes, stateful, strings, times)

FUNCTIONS: dict[str, Function] = {function.name: function for family in _FAMILIES for function in family.FUNCTIONS}

CLOCK = "now"
"""now() gives the run's clock, which no function can know: it is a term of its own."""
