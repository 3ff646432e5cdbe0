"""How far a recording or a replay is, as it is shown."""

from __future__ import annotations

import time

EVERY_SECONDS = 10.0


class Progress:
    """It moves every ten seconds: what takes less shows 0 until it is over, as Kapacitor 1.5.7 always does."""

    def __init__(self) -> None:
        self._reported, self._since = 0.0, time.monotonic()

    def reported(self, exact: float) -> float:
        """What to show where it is `exact` now: 0 to 1."""
        now = time.monotonic()
        if now - self._since >= EVERY_SECONDS:
            self._reported, self._since = min(1.0, max(0.0, exact)), now
        return self._reported
