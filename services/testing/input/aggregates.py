"""InfluxQL's functions of a field's values, as InfluxDB calculates them."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from typing import Any

Values = list[tuple[int, Any]]
"""Times, ns, and values, in order of time."""


def _percentile(values: Values, percent: float) -> tuple[int, Any] | None:
    place = math.floor(len(values) * percent / 100 + 0.5) - 1
    return sorted(values, key=lambda one: one[1])[place] if 0 <= place < len(values) else None


def _mode(values: list[Any]) -> Any:
    """The most frequent; of several the last that began before the one before it had its last, as InfluxDB has it."""
    found, most, ended = None, 0, 0
    for value, places in itertools.groupby(sorted(range(len(values)), key=lambda i: values[i]), values.__getitem__):
        run = list(places)
        if len(run) > most or (len(run) == most and run[0] <= ended):
            found, most, ended = value, len(run), run[-1]
    return found


SELECTORS: dict[str, Callable[[Values, float], tuple[int, Any] | None]] = {
    "first": lambda values, _: values[0] if values else None,
    "last": lambda values, _: values[-1] if values else None,
    "min": lambda values, _: min(values, key=lambda one: one[1], default=None),
    "max": lambda values, _: max(values, key=lambda one: one[1], default=None),
    "percentile": _percentile,
}
"""By name, of values and a parameter: the one that is selected, with its time."""
AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "sum": sum,
    "mean": lambda values: math.fsum(values) / len(values),
    "median": statistics.median,
    "mode": _mode,
    "spread": lambda values: max(values) - min(values),
    "stddev": lambda values: statistics.stdev(values) if len(values) > 1 else None,
}
"""By name, of values without their times, of which there are some."""
