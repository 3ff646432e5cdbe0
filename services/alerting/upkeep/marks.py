"""Marks of what has changed in topics' handlers (services.alertlog.mark), where a gateway has not come to put them."""

from __future__ import annotations

import asyncio

from services.alerting.folded_log import FoldedLog
from services.alerting.projection import TopicHandlers
from services.alerting.topics.topics import Topics
from services.alerting.upkeep.background import BackgroundTasks
from services.alertlog import mark
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.process import log as logs

_log = logs.get("alerting")

_PAUSE = 0.2


class Marks:
    """Sees to it that the last change of each topic's handlers is marked in ALERTS."""

    def __init__(
        self, bus: Bus, log: FoldedLog, handlers: TopicHandlers, topics: Topics, background: BackgroundTasks
    ) -> None:
        self._bus, self._log, self._handlers, self._topics = bus, log, handlers, topics
        self._background = background

    def begin(self, topic: str) -> None:
        """A topic's handlers have changed: mark it if it is not marked yet."""
        if self._handlers.last(topic) > self._applied(topic):
            self._background.begin(self._mark(topic))

    async def _mark(self, topic: str) -> None:
        while (seq := self._handlers.last(topic)) > self._applied(topic):
            try:
                await self._log.folded(await mark.put_mark(self._bus, topic, EventsSeq(seq)))
            except BusError as error:
                _log.limited(topic).warn("a topic's handlers cannot be marked yet", topic=topic, err=error)
                await asyncio.sleep(_PAUSE)

    def _applied(self, name: str) -> int:
        topic = self._topics.get(name)
        return topic.applied if topic is not None else 0
