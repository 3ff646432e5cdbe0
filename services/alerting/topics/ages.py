"""How long ago something was stored, on a machine whose clock may be set meanwhile."""

from __future__ import annotations

import time


class Ages:
    """What was stored before this was made counts as stored then."""

    def __init__(self) -> None:
        self._began, self._began_here = time.time_ns(), time.monotonic_ns()

    def of(self, stored: int) -> float:
        """The seconds since a time (ns), by the clock that makes them fewer.

        By the wall's where that was set back since, and for what was stored after it was set forward; by the monotonic
        one for what was stored before that.
        """
        here = self._began + time.monotonic_ns() - self._began_here
        return max(0.0, (min(time.time_ns(), here) - max(stored, self._began)) / 1e9)
