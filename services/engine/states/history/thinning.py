"""Which state of a task is missed least: the older, the farther apart they may lie."""

from __future__ import annotations

from collections.abc import Sequence

from services.engine.states.history.records import DUE, KeptPoint

_OTHER_WEIGHT = 4.0  # a beginning, an end or a pause is where somebody will want to look from


def least_needed(points: Sequence[KeptPoint], now: int) -> KeptPoint | None:
    """Of a task's states, in order, the one to drop first: never the newest, None where there is no other.

    now: ns. The measure is the gap in the log that would be left, against how long ago that is: what is left lies the
    closer together the younger it is. The oldest goes last: it is as far as they reach.
    """
    if len(points) < 3:
        return points[0] if len(points) == 2 else None

    def missed(i: int) -> float:
        gap = max(points[i + 1].time - points[i - 1].time, 0) + 1
        return (1.0 if points[i].why == DUE else _OTHER_WEIGHT) * gap / max(now - points[i].time, 1)

    return points[min(range(1, len(points) - 1), key=missed)]
