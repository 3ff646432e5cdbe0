"""Up to when the log is known here: what the clock of the tasks that follow it may go by.

While a worker is behind, the stamps of the messages tell the time: whatever was due before a message is done before it,
as often as the log is read. Once it has caught up, the wall does. What lies between the last message of the log and
the moment at which a worker has come up to it again (it was down, stopped or cut off) nobody has observed: a pause.
It lasts until something can be stored: a gateway may come up later than the worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower
from services.bus.subjects import ask_subject

log = logs.get("engine")

PAUSE = 3 * 10**9
"""ns without a message and without a look at the log that are more than a hiccup."""
LEFT = 15 * 10**8
"""The same, ns, for a run that somebody else, or this worker before it ended, has left."""
GRACE = 10**8
"""ns that a message may take from the log to here: so far the wall's clock is ahead of what is known."""

_STILL = 10**9  # ns after which messages that are said to be left will not come any more
_ALIKE = 30 * 10**9  # ns by which what else was down may have come up before this worker, or after it
_ASK_SECONDS = 0.25


class Observed:
    """How far a worker has come in the log, against the wall's clock."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.begin(())

    def begin(self, subjects: Iterable[str]) -> None:
        """The log is followed from now on, perhaps from long ago."""
        self._subjects = sorted(subjects)
        self._began = time.time_ns()
        self._reached = -1
        self._looked = self._moved = self._asked = 0  # when it was looked, the log moved, its end was asked for; ns
        self._end: int | None = None  # what has to be reached to be sure; None: it was

    def look(self, follower: Follower) -> None:
        """Something may have come. Who has stood still or was cut off from the log begins to follow it anew."""
        now = time.time_ns()
        if now - self._looked > PAUSE:
            self._began, self._end = now, -1
        if follower.connected:
            self._looked = now

    def unobserved(self, last: int, stamp: int) -> bool:
        """Whether between two messages, by their stamps (ns), nobody may have been there to store others.

        That is so where they lie far apart, and the second came when this worker was up, or almost: what stores them
        may have come up with it. Whatever was silent while others wrote, was so.
        """
        return stamp - last > PAUSE and last < self._began <= stamp + _ALIKE

    def before(self, clock: int) -> bool:
        """Whether a time (ns) lies before that at which this worker began to follow."""
        return clock < self._began

    async def up_to(self, follower: Follower, reached: int, stamp: int) -> int | None:
        """The time (ns) up to which all that was stored has been taken; None while there is more in the log.

        reached, stamp: the last sequence that was taken, and when that was stored, ns.
        """
        now = time.time_ns()
        if not follower.connected or follower.buffered:
            return None
        if reached != self._reached:
            self._reached, self._moved = reached, now
        if follower.pending and now - self._moved > _STILL and self._end is None:
            self._end = -1
        if self._end is None:
            return None if follower.pending else now - GRACE
        if (self._end > reached and now - self._asked > _STILL) or self._end < 0:
            self._asked = now
            try:
                self._end = max([await self._bus.last_subject_sequence(s) for s in self._subjects], default=0)
            except BusError as e:
                log.limited("end").warn("the log does not say where it ends", error=str(e))
                return None
        if not 0 <= self._end <= reached or not (stamp >= self._began or await self._is_fed(now)):
            return None
        self._end = None
        return now - GRACE

    async def _is_fed(self, now: int) -> bool:
        """Whether somebody would store what comes: a gateway is there, or none is to be expected any more."""
        if now - self._began > _ALIKE:
            return True
        try:
            await self._bus.ask(ask_subject("gateway", "writes"), b"", _ASK_SECONDS)
        except BusError:
            return False
        return True
