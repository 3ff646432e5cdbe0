"""How fast counts grow."""

from __future__ import annotations

from collections.abc import Collection, Hashable

_SAME_SECONDS = 0.05  # within which a count is the one that was told before


class Rates:
    """By what is counted; a count that goes back has begun anew."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[int, float, float]] = {}

    def of(self, key: Hashable, count: int, at: float) -> float:
        """By how much a second it grew between the last two times. at: when this was the count, in seconds."""
        last = self._last.get(key)
        if last is None:
            self._last[key] = count, at, 0.0
            return 0.0
        before, then, rate = last
        if at - then > _SAME_SECONDS:
            rate = round((count - before) / (at - then), 2) if count > before else 0.0
            self._last[key] = count, at, rate
        return rate

    def keep(self, keys: Collection[Hashable]) -> None:
        """Forget all others."""
        if len(keys) < len(self._last):
            self._last = {key: last for key, last in self._last.items() if key in keys}
