"""So many connections at once, and no more: whoever only waits makes room for those who ask for something."""

from __future__ import annotations

import heapq
import resource
from collections import Counter
from collections.abc import Collection
from typing import Protocol

from services.process import log as logs

_PART = 64  # of those that there may be so much goes at once
_SPARE = 64  # files for everything but connections
_WANTED = 1 << 16  # open files; a higher limit would be of no use
_log = logs.get("http")


class LimitedConnection(Protocol):
    """A connection, as far as its place counts."""

    @property
    def client(self) -> str:
        """Its address."""

    @property
    def waits_since(self) -> float | None:
        """Since when it has had the server wait for it; None: it is being answered."""

    def evict(self) -> None:
        """Close it."""


class ConnectionLimit:
    """Decides which connections stay."""

    def __init__(self, most: int, name: str = "http") -> None:
        """name: of what listens, for the log."""
        self.most, self._name = most, name
        self.turned_away = 0

    def room(self, connections: Collection[LimitedConnection]) -> bool:
        """Make room for one more. False where all are being answered.

        Of the client with the most connections, those that have kept the server waiting longest have to go: a part of
        them at once, so that looking through all of them is not done for each that comes.
        """
        if len(connections) < self.most:
            return True
        self.turned_away += 1
        waiting = [one for one in connections if one.waits_since is not None]
        _log.limited(f"connections {self._name}").warn(
            "there are too many connections: those go that have sent nothing for longest",
            listener=self._name,
            connections=len(connections),
            waiting=len(waiting),
            turned_away=self.turned_away,
        )
        if not waiting:
            return False
        by_client = Counter(one.client for one in waiting)
        largest = max(by_client.values())
        among = [one for one in waiting if by_client[one.client] == largest]
        for one in heapq.nsmallest(max(self.most // _PART, 1), among, key=lambda one: one.waits_since or 0.0):
            one.evict()
        return True


def most_connections() -> int:
    """How many connections the limit of open files leaves room for, after raising it to what is permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max((_WANTED if soft == resource.RLIM_INFINITY else soft) - _SPARE, _SPARE)
