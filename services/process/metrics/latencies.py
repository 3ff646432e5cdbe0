"""How long attempts of handlers take, by what kind of handler and for which topic: counted into buckets."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""

OTHERS = "(others)"
"""In place of the topics that are too many to be told apart."""

_MOST = 200


class Latencies:
    """Counts since the start, for so many kinds and topics at most; what comes later is counted together by kind."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}

    def observe(self, kind: str, topic: str, seconds: float) -> None:
        """Count an attempt."""
        of = kind, topic
        counts = self._counts.get(of)
        if counts is None:
            if len(self._counts) >= self._most:
                of = kind, OTHERS
            counts = self._counts.setdefault(of, [0] * (len(BOUNDS) + 1))
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[of] = self._seconds.get(of, 0.0) + seconds

    def rows(self) -> list[dict[str, Any]]:
        """As schemas.requests.alerting.LatencySchema says."""
        return [
            {"kind": kind, "topic": topic, "counts": counts, "seconds": self._seconds[kind, topic]}
            for (kind, topic), counts in self._counts.items()
        ]
