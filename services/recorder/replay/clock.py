"""The clock of a replay: what time it is for the task, and when that is on the wall."""

from __future__ import annotations

import time

from services.columns.column import IntArray


class ReplayClock:
    """The clock of one stream of a recording. Its first point is at `zero` on the wall.

    With `recording_time` points keep their times; without, they are moved so that the first one is at `zero`. On the
    real clock nothing is due before the wall's time says so, or would if nobody set it: it is read once.
    """

    def __init__(self, zero: int, *, real: bool, recording_time: bool) -> None:
        """zero: ns since 1970."""
        self._zero = zero
        self._ahead = time.time_ns() - time.monotonic_ns()
        self.real = real
        self.recording_time = recording_time
        self._distance: int | None = None  # from the points' times to the wall's

    @property
    def begun(self) -> bool:
        """Whether a first point has come."""
        return self._distance is not None

    def begin(self, first: int) -> None:
        """The recording's first point has this time (ns since 1970); later calls count for nothing."""
        if self._distance is None:
            self._distance = self._zero - first

    def times(self, recorded: IntArray) -> IntArray:
        """The times that the task sees points at: int64[n]."""
        return recorded if self.recording_time else recorded + (self._distance or 0)

    def limit(self) -> int | None:
        """What is due by now; None where all is."""
        return self._now() - self._behind() if self.real else None

    def wait(self, due: int) -> float:
        """Seconds until a time is due."""
        return max(0.0, (due + self._behind() - self._now()) / 1e9) if self.real else 0.0

    def walls(self, times: IntArray) -> IntArray:
        """When times are on the wall."""
        return times + self._behind()

    def _now(self) -> int:
        return time.monotonic_ns() + self._ahead

    def _behind(self) -> int:
        """From what the clock says to the wall's time."""
        return (self._distance or 0) if self.recording_time else 0
