"""Which state of a task is missed least: the older, the farther apart they may lie."""

from __future__ import annotations

from collections.abc import Sequence

from services.engine.states.history.records import DUE, KeptPoint

_OTHER_WEIGHT = 4.0  # a beginning, an end or a pause is where somebody will want to look from


def least_needed(points: Sequence[KeptPoint], now: int) -> KeptPoint | None:
    """Of a task's states, in order, the one to drop first: never the newest, None where there is no other.

    now: ns. The measure is the gap in the log that would be left, against how long ago that is: what is left lies the
    closer together the younger it is.
    """
    if len(points) < 2:
        return None
    times = [point.time for point in points]

    def missed(i: int) -> float:
        # before the oldest there is nothing to begin from: as much is lost as lies up to the next
        before = times[i - 1] if i else 2 * times[0] - times[1]
        gap = max(times[i + 1] - before, 0) + 1
        return (1.0 if points[i].why == DUE else _OTHER_WEIGHT) * gap / max(now - times[i], 1)

    return points[min(range(len(points) - 1), key=missed)]
