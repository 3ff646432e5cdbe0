"""Which engine workers live, by their heartbeats."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import unescape


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


class LivingWorkers:
    """The same, asked of the bus."""

    def __init__(self, bus: Bus, replicas: int, ttl: float) -> None:
        """replicas: on how many servers of a cluster buckets lie. ttl: seconds, as in Heartbeats."""
        self._bus, self._replicas = bus, replicas
        self._heartbeats = Heartbeats(ttl)
        self._bucket: Bucket | None = None

    async def look(self) -> dict[str, bool]:
        """Whether each worker lives whose heartbeat there is; nothing while the bus does not say."""
        try:
            if self._bucket is None:
                self._bucket = await self._bus.bucket("workers", replicas=self._replicas)
            entries = await self._bucket.entries()
        except BusError:
            return {}
        revisions = {}
        for entry in entries:
            with contextlib.suppress(ValueError):
                revisions[unescape(entry.key)] = entry.revision
        return self._heartbeats.look(revisions)
