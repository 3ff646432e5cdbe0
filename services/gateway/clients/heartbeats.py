"""Which engine workers live, by their heartbeats."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Heartbeats:
    """Which engine workers live, by the bucket that holds their heartbeats: they send them whatever keeps them busy."""

    def __init__(self, ttl: float) -> None:
        """ttl: seconds after which a worker whose heartbeat has not changed is dead."""
        self._ttl = ttl
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, revisions: Mapping[str, int]) -> dict[str, bool]:
        """Whether each worker lives. revisions: of all heartbeats there are now."""
        now = time.monotonic()
        before = self._seen
        self._seen = {
            name: before[name] if name in before and before[name][0] == revision else (revision, now)
            for name, revision in revisions.items()
        }
        return {name: now - since < self._ttl for name, (_, since) in self._seen.items()}
