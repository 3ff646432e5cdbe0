"""The end of what a run inhibits that is over (see services.alertlog.inhibition), whatever its worker came to tell."""

from __future__ import annotations

import asyncio

from services.alerting.folded_log import FoldedLog
from services.alerting.projection import AlertingProjection
from services.alerting.topics.inhibitors import Inhibitors
from services.alerting.upkeep.background import BackgroundTasks
from services.alertlog import inhibition
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.bus.subjects import inhibition_subject
from services.process import log as logs

_log = logs.get("alerting")

_PAUSE = 0.2


class Releases:
    """Puts into ALERTS that it is over, and forgets the inhibitors of tasks that are no more."""

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        projection: AlertingProjection,
        inhibitors: Inhibitors,
        background: BackgroundTasks,
    ) -> None:
        self._bus, self._log, self._inhibitors = bus, log, inhibitors
        self._projection, self._runs = projection, projection.runs
        self._background = background
        self._under_way: set[str] = set()

    def begin(self, owner: str) -> None:
        """Something has become known of a task, or of what its alerts inhibit: release that if it is due."""
        if self._over(owner):
            if owner not in self._under_way:
                self._under_way.add(owner)
                self._background.begin(self._release(owner))
        elif self._runs.deleted(owner) and not self._runs.open(owner):
            self._inhibitors.drop(owner)

    async def _release(self, owner: str) -> None:
        while until := self._over(owner):
            try:
                # another alerting may do so as well, which changes nothing more
                ack = await self._bus.publish(inhibition_subject(owner), inhibition.encode_released(EventsSeq(until)))
                await self._log.folded(ack.seq)
            except BusError as error:
                _log.warn("what an ended task inhibits cannot be ended yet", task=owner, err=error)
                await asyncio.sleep(_PAUSE)
        self._under_way.discard(owner)
        self.begin(owner)

    def _over(self, owner: str) -> int:
        """Up to which sequence of EVENTS runs of an owner that still inhibit have ended; 0: there are none."""
        until = self._runs.began(owner) - 1 if self._runs.open(owner) else self._projection.position
        first = self._inhibitors.first(owner)
        return until if first is not None and first <= until else 0
