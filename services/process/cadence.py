"""When something that costs is done again: at an interval, but for no more than a share of the time."""

from __future__ import annotations

import time

_SHARE = 0.2  # of the time that it may take
_FIRST = 0.25  # seconds until it is done where it is to be soon


class Cadence:
    """Every `interval` seconds. After `soon` sooner, and then each time twice as late as the time before.

    So that whoever is ended again and again, each time shortly after the start, gets on all the same.
    """

    def __init__(self, interval: float) -> None:
        self._interval = self._step = interval
        self._begun = self._earliest = time.monotonic()
        self._next = self._begun + interval

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    def begun(self) -> None:
        """It begins to be done."""
        self._begun = time.monotonic()

    def done(self) -> None:
        """It has been done, or has failed."""
        now = time.monotonic()
        self._earliest = now + (now - self._begun) * (1 / _SHARE - 1)
        self._next = max(self._begun + self._step, self._earliest)
        self._step = min(self._interval, 2 * self._step)

    def soon(self) -> None:
        """Much may be about to come that is not to be lost."""
        self._step = min(_FIRST, self._interval)
        self._next = min(self._next, max(time.monotonic() + self._step, self._earliest))

    def now(self) -> None:
        """It is to be done at once, unless that would be too much of the time."""
        self._next = min(self._next, max(time.monotonic(), self._earliest))
