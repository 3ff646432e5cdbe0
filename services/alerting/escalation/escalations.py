"""The alerts of all topics whose handlers are run here that nobody sees to.

What is to be done is worked out of two topics as they stand, the alert's and the one that it is escalated to: so a
service that starts, or takes a topic over, goes on where another has come to.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson

from services.alerting.delivery.looks import Looking, in_turns
from services.alerting.delivery.observers import Observers, Observing
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Escalator
from services.alerting.silencing.holding import Holding
from services.alerting.topics.standing import as_it_stands
from services.alerting.topics.topic import Topic
from services.alerting.topics.topics import Topics
from services.bus.errors import BusError

_Escalating = Observing[Escalator[Any]]


class Escalations(Looking):
    """Looked at when alerts, acknowledgements, silences or handlers change, and when an alert has stood long enough."""

    doing = "escalating alerts"

    def __init__(
        self,
        log: FoldedLog,
        topics: Topics,
        observers: Observers[Escalator[Any]],
        holding: Holding,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(now)
        self._log, self._topics, self._observers, self._holding = log, topics, observers, holding

    async def _look(self) -> int | None:
        """Escalate what is due."""
        escalating = list(self._observers)
        mine = [one for one in escalating if one.ours]
        if mine:
            await self._log.caught_up()
        sources: dict[str, set[str]] = {}
        for one in escalating:
            sources.setdefault(one.into, set()).add(one.bound.topic)
        dues = []
        for one in mine:
            try:
                dues.append(await self._look_at(one, sources[one.into]))
            except BusError:
                raise
            except Exception as error:
                # anybody may publish to ALERTS: what is wrong with one topic holds up no other
                self._observers.cannot(one.bound, "alerts cannot be escalated", error)
        return min((due for due in dues if due is not None), default=None)

    async def _look_at(self, one: _Escalating, sources: Iterable[str]) -> int | None:
        topic, next_due = self._topics.get(one.bound.topic), list[int]()
        if topic is None:
            return None
        await self._end(one, topic, sources)
        async for id, (_, at, duration) in in_turns(topic.standing()):
            if id in topic.acknowledged or self._is_told(one.into, id):
                continue
            due = at - duration + one.handler.after(one.options)
            if due > self._now():
                next_due.append(due)
            elif self._fits(one, topic, id):
                await self._put(one, topic, id)
        return min(next_due, default=None)

    async def _end(self, one: _Escalating, topic: Topic, sources: Iterable[str]) -> None:
        """Put the ends of alerts there that were escalated, and are OK in all topics that they may come from."""
        into = self._topics.get(one.into)
        if into is None or ("", one.node) not in into.deduplicators:
            return
        from_ = [found for name in sources if (found := self._topics.get(name)) is not None]
        async for id, _ in in_turns(into.standing()):
            if topic.stood(id) is not None and not any((found.stood(id) or (0,))[0] for found in from_):
                await self._put(one, topic, id)

    def _is_told(self, topic: str, id: str) -> bool:
        into = self._topics.get(topic)
        stood = into.stood(id) if into is not None else None
        return stood is not None and stood[0] > 0

    def _fits(self, one: _Escalating, topic: Topic, id: str) -> bool:
        """Whether the handler is to have the alert."""
        if self._holding.holds(topic, id, self._now(), one.bound):
            return False
        return not one.bound.match or one.wanted(topic, id) is not None

    async def _put(self, one: _Escalating, topic: Topic, id: str) -> None:
        """Put an alert there as it stands."""
        stands = as_it_stands(topic, id)
        if stands is None:
            return
        event = replace(stands, topic=one.into, task="", recoverable=True)
        # the same from another alerting is not even stored
        identity = hashlib.sha256(orjson.dumps([one.bound.key, id, topic.stood(id)])).hexdigest()
        events = event, replace(event, fields={}, given_details="")
        if not await self._observers.put(one, events, self._now(), identity):
            self._observers.cannot(one.bound, "an alert is too large to be escalated", id=id)
