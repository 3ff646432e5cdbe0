"""So many connections at once, and no more: whoever only waits makes room for those who ask for something."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Collection
from typing import Protocol

from services import log as logs

_SPARE = 64  # files for everything but connections
_WANTED = 1 << 16  # open files; a higher limit would be of no use
_log = logs.get("http")


class Guest(Protocol):
    """A connection, as far as its place counts."""

    @property
    def client(self) -> str:
        """Its address."""

    @property
    def waits_since(self) -> float | None:
        """Since when it has had the server wait for bytes of it; None: it is being answered."""

    def leave(self) -> None:
        """Close it."""


class Crowd:
    """Decides which connections stay."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.turned_away = 0

    def room(self, guests: Collection[Guest]) -> bool:
        """Make room for one more. False where all are being answered.

        Of the client with the most connections, the one that has kept the server waiting longest has to go.
        """
        if len(guests) < self.most:
            return True
        self.turned_away += 1
        waiting = [guest for guest in guests if guest.waits_since is not None]
        _log.limited("crowd").warn(
            "there are too many connections: those go that have sent nothing for longest",
            connections=len(guests),
            waiting=len(waiting),
            turned_away=self.turned_away,
        )
        if not waiting:
            return False
        crowds = Counter(guest.client for guest in waiting)
        largest = max(crowds.values())
        among = (guest for guest in waiting if crowds[guest.client] == largest)
        min(among, key=lambda guest: guest.waits_since or 0.0).leave()
        return True


def most_connections() -> int:
    """How many connections the limit of open files leaves room for, after raising it to what is permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max((_WANTED if soft == resource.RLIM_INFINITY else soft) - _SPARE, _SPARE)
