"""Forecasts by the damped multiplicative Holt-Winters method, its parameters found by a Nelder-Mead search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

from grammar.golang.durations import format_go_duration

MOST_INTERVALS = 1_000_000
"""That points may span, and that may be forecast: each is a number in memory, whether there is a point or not."""

_GUESSES = (0.3, 0.7)  # where the search begins, for each of the four smoothing parameters
_EPSILON = 1e-4
_MOST_ROUNDS = 1000
_FIXED = 6  # parameters before those of the seasons: alpha, beta, gamma, phi, level, trend

Vector = list[float]


class SpanTooLong(ValueError):
    """The points lie in more than MOST_INTERVALS intervals; str() says so."""


def holt_winters(
    time: Sequence[int], value: Sequence[float], horizon: int, season: int, interval: int, *, fit: bool
) -> list[tuple[int, float]]:
    """(time, value) of the next `horizon` points, with `fit` those of the past too; empty where there are too few.

    time, interval: ns. Points are taken to lie `interval` apart; of several in one interval the first counts, and one
    that is missing does not count as an error. season: points per season; below 2 there are none. Raises SpanTooLong.
    """
    seasons = season if season >= 2 else 0
    if len(time) < max(2, seasons) or horizon <= 0:
        return []
    series = _regular(time, value, interval)
    if len(series) < max(2, seasons):
        return []
    start = _start(series, seasons)
    best_error, best = math.inf, None
    for guess in product(_GUESSES, repeat=4):
        error, found = _search(lambda p: _error(series, seasons, p), [*guess, *start])
        if error < best_error or best is None:
            best_error, best = error, found
    assert best is not None
    forecast = _forecast(series, seasons, horizon, best)
    if fit:
        points = [(time[0] + interval * i, v) for i, v in enumerate(forecast)]
    else:
        points = [(time[-1] + interval * (i + 1), v) for i, v in enumerate(forecast[len(series) :])]
    return [(t, v) for t, v in points if not math.isnan(v)]


def _regular(time: Sequence[int], value: Sequence[float], interval: int) -> Vector:
    """The values at one interval's distance, NaN where there is none; empty if all lie in one interval."""
    slots = [_slot(t, interval) for t in time]
    if slots[-1] <= slots[0]:
        return []
    if max(slots) - slots[0] >= MOST_INTERVALS:
        raise SpanTooLong(f"points span more than {MOST_INTERVALS} intervals of {format_go_duration(interval)}")
    series, at = [value[0]], slots[0]
    for slot, v in zip(slots[1:], value[1:], strict=True):
        if slot > at:
            series += [math.nan] * (slot - at - 1) + [v]
            at = slot
    return series


def _slot(time: int, interval: int) -> int:
    whole = time // interval if time >= 0 else -(-time // interval)
    return whole + (time - whole * interval > interval // 2)


def _start(y: Vector, seasons: int) -> Vector:
    """Guesses for the level, the trend and the seasons."""
    if not seasons:
        return [0.5 * y[0], 0.0 if math.isnan(y[1]) else 0.5 * (y[1] - y[0])]
    level = trend = 0.0
    for v in y[:seasons]:
        if not math.isnan(v):
            level += (1 / seasons) * v
    for now, later in zip(y[:seasons], y[seasons:], strict=False):
        if not (math.isnan(now) or math.isnan(later)):
            trend += 1 / (seasons * seasons) * (later - now)
    return [level, trend, *(0.0 if math.isnan(v) else _ratio(v, level) for v in y[:seasons])]


def _error(y: Vector, seasons: int, p: Vector) -> float:
    """The sum of squared errors; infinite where the forecast has no value. Changes `p`, as `_forecast` does."""
    total = 0.0
    for wanted, got in zip(y, _forecast(y, seasons, 0, p), strict=True):
        if wanted == wanted:
            if got != got:
                return math.inf
            total += (got - wanted) * (got - wanted)
    return total


def _forecast(y: Vector, seasons: int, horizon: int, p: Vector) -> Vector:
    """One-step forecasts from the first value on. Brings `p` into bounds, and leaves in it the seasons it ends with."""
    for i in range(4):
        p[i] = min(max(p[i], 0.0), 1.0) if p[i] == p[i] else p[i]
    alpha, beta, gamma, phi, level, trend = p[:_FIXED]
    value, damping = y[0], phi
    out = [value]
    powers, square, squared = [1.0], phi, 1  # phi to the power of 0, 1, …; of the last power of two, `squared`
    for t in range(1, len(y) + horizon):
        season, ahead, place = 1.0, 1.0, 0
        if seasons:
            place = (2 * t - 2) % seasons  # the seasons lie in a ring that itself turns by one with each step
            season, ahead = p[_FIXED + place], p[_FIXED + (place + t) % seasons]
        damped = level + phi * trend
        was, before = level, value
        level = alpha * _ratio(before, season) + (1 - alpha) * damped
        if seasons:
            p[_FIXED + place] = gamma * _ratio(before, damped) + (1 - gamma) * season
        trend = beta * (level - was) + (1 - beta) * phi * trend
        value = (level + damping * trend) * ahead
        # a power is put together of squares, as the reference does: phi**t may differ in its last digit
        if t == 2 * squared:
            square, squared = square * square, t
        power = powers[t - squared] * square
        powers.append(power)
        damping += power
        out.append(value)
    return out


def _ratio(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or a != a or b != b else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _search(error: Callable[[Vector], float], start: Vector) -> tuple[float, Vector]:
    """The least error that a simplex search from `start` finds, and where. `error` may change what it is given."""
    n = len(start)
    root = math.sqrt(float(n + 1))
    far = (root - 1 + float(n)) / (float(n) * math.sqrt(2))
    near = (root - 1) / (float(n) * math.sqrt(2))
    corners = [list(start)] + [[s + (far if i == j else near) for j, s in enumerate(start)] for i in range(n)]
    errors = [error(c) for c in corners]
    for _ in range(_MOST_ROUNDS):
        worst, best = errors.index(max(errors)), errors.index(min(errors))
        second = best
        for i, e in enumerate(errors):
            if errors[second] < e < errors[worst]:
                second = i
        _round(error, corners, errors, worst, second, best)
        mean = _total(errors) / float(n + 1)
        if math.sqrt(_total([(e - mean) * (e - mean) / float(n) for e in errors])) < _EPSILON:
            break
    best = errors.index(min(errors))
    found = list(corners[best])
    return error(corners[best]), found


def _round(
    error: Callable[[Vector], float], corners: list[Vector], errors: Vector, worst: int, second: int, best: int
) -> None:
    """Move the worst corner of the simplex, or draw all of them together."""
    n = len(corners) - 1
    middle = [_total([c[i] for j, c in enumerate(corners) if j != worst]) / float(n) for i in range(n)]
    reflected = [m + 1.0 * (m - w) for m, w in zip(middle, corners[worst], strict=True)]
    at_reflected = error(reflected)
    if errors[best] <= at_reflected < errors[second]:
        corners[worst], errors[worst] = list(reflected), at_reflected
    if at_reflected < errors[best]:
        expanded = [m + 2.0 * (r - m) for m, r in zip(middle, reflected, strict=True)]
        at_expanded = error(expanded)
        if at_expanded < at_reflected:
            corners[worst], errors[worst] = expanded, at_expanded
        else:
            corners[worst], errors[worst] = list(reflected), at_reflected
    if at_reflected >= errors[second]:
        if at_reflected < errors[worst]:
            contracted = [m + 0.5 * (r - m) for m, r in zip(middle, reflected, strict=True)]
        else:
            contracted = [m - 0.5 * (m - w) for m, w in zip(middle, corners[worst], strict=True)]
        at_contracted = error(contracted)
        if at_contracted < errors[worst]:
            corners[worst], errors[worst] = contracted, at_contracted
            return
        anchor = list(corners[best])
        for j, corner in enumerate(corners):
            if j != best:
                corners[j] = [a + (c - a) / 2.0 for a, c in zip(anchor, corner, strict=True)]
        errors[worst] = error(corners[worst])
        errors[second] = error(corners[second])


def _total(values: Vector) -> float:
    """Their sum, added in order; the built-in `sum` makes up for what is lost in rounding, from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total
