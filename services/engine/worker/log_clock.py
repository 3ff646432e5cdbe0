"""Up to when the log is known here: what the clock of the tasks that follow it may go by.

While a worker is behind, the stamps of the messages tell the time: whatever was due before a message is done before it,
as often as the log is read. Once it has caught up, the wall does. What lies between the last message of the log and
the moment at which a worker has come up to it again (it was down, stopped or cut off) nobody has observed: a pause.
It lasts until something can be stored: a gateway may come up later than the worker.

The wall's clock may be set while a worker runs, and that of the machine that stamps messages may differ from this
one's. From its start on a worker therefore measures time by the monotonic clock, and adjusts it by the stamps of
messages that come at once. Where the wall goes forward, that is a pause; where it goes back, nothing is seen of it here
until a stamp says so, and then the clocks of tasks are set back too: their intervals begin anew, and the times they
give are right.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from schemas.requests.gateway import GATEWAY_WRITES
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower
from services.bus.subjects import request_subject
from services.process import log as logs

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


class LogClock:
    """How far a worker has come in the log, against the wall's clock."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._wall = self._ahead = _wall_ahead()
        self.live = False
        """Whether messages came at once when it was last looked."""
        self.begin(())

    def begin(self, subjects: Iterable[str]) -> None:
        """The log is followed from now on, perhaps from long ago."""
        self._subjects = sorted(subjects)
        self._begin()
        self._reached = -1
        self.live = False
        # when it was looked, the log moved, its end was asked for; ns by the monotonic clock
        self._looked = self._moved = self._asked = 0
        self._end: int | None = None  # what has to be reached to be sure; None: it was

    def now(self) -> int:
        """What the clock says by which the log is stamped, ns."""
        return time.monotonic_ns() + self._ahead

    def look(self, follower: Follower) -> int:
        """Something may have come. Who has stood still or was cut off from the log begins to follow it anew.

        Gives by how much (ns) the wall's clock was set back since the last look, 0 where it was not.
        """
        moved = _wall_ahead() - self._wall
        now = time.monotonic_ns()
        if moved > PAUSE or now - self._looked > PAUSE:
            self._ahead = _wall_ahead() if moved > PAUSE else self._ahead
            self._begin()
            self._end = -1
        if abs(moved) > PAUSE:
            self._wall += moved
            log.warn("the clock of this machine was set", seconds=round(moved / 1e9))
        if follower.connected:
            self._looked = now
        return -moved if moved < -PAUSE else 0

    def observe(self, stamp: int) -> None:
        """A message has come that was stored at a time (ns), if at once."""
        behind = self.now() - stamp
        if self.live and (behind < 0 or behind > _STILL):
            self._ahead -= behind

    def jumps(self, stamp: int) -> bool:
        """Whether a message that comes at once was stored at a time (ns) that cannot be yet: a clock was set."""
        return self.live and stamp - self.now() > PAUSE

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
        self.live = follower.connected and not follower.buffered and await self._is_up_to(follower, reached, stamp)
        return self.now() - GRACE if self.live else None

    async def _is_up_to(self, follower: Follower, reached: int, stamp: int) -> bool:
        now = time.monotonic_ns()
        if reached != self._reached:
            self._reached, self._moved = reached, now
        if follower.pending and now - self._moved > _STILL and self._end is None:
            self._end = -1
        if self._end is None:
            return not follower.pending
        if (self._end > reached and now - self._asked > _STILL) or self._end < 0:
            self._asked = now
            try:
                self._end = max([await self._bus.last_subject_sequence(s) for s in self._subjects], default=0)
            except BusError as e:
                log.limited("end").warn("the log does not say where it ends", err=e)
                return False
        if not 0 <= self._end <= reached or not (stamp >= self._began or await self._is_fed(now)):
            return False
        self._end = None
        return True

    async def _is_fed(self, now: int) -> bool:
        """Whether somebody would store what comes: a gateway is there, or none is to be expected any more."""
        if now - self._began_here > _ALIKE:
            return True
        try:
            subject, question = request_subject(*GATEWAY_WRITES.tokens()), GATEWAY_WRITES.encode_request()
            GATEWAY_WRITES.decode_response(await self._bus.request(subject, question, _ASK_SECONDS))
        except (BusError, MalformedMessage):
            return False
        return True

    def _begin(self) -> None:
        self._began, self._began_here = self.now(), time.monotonic_ns()


def _wall_ahead() -> int:
    """By how much (ns) the wall's clock is ahead of the monotonic one."""
    return time.time_ns() - time.monotonic_ns()
