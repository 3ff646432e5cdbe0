"""The handlers that look at how the alerts of their topic stand, and what they put into another topic."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from services.alerting import handlers
from services.alerting.delivery.forward import message_of, store_what_fits
from services.alerting.delivery.match import NoMatch, match_of
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Observer
from services.alerting.projection import TopicHandlers
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import Topic
from services.alerting.topics.topics import Topics
from services.bus.connection import Bus
from services.process import log as logs

_log = logs.get("alerting")

H = TypeVar("H", bound=Observer[Any])


@dataclass(frozen=True, slots=True)
class Observing(Generic[H]):
    """A handler of a topic, ready to be used. ours: whether the topic's handlers are run here."""

    bound: BoundHandler
    handler: H
    options: Any
    ours: bool

    @property
    def into(self) -> str:
        """The topic that it puts events into."""
        return self.handler.topic(self.options)

    @property
    def node(self) -> str:
        """What puts its events there, among what else does."""
        return f"{self.bound.kind}/{hashlib.sha256(self.bound.key.encode()).hexdigest()[:16]}"

    def wanted(self, topic: Topic, id: str) -> AlertEvent | None:
        """The last event of an alert where that is known, and the handler is to have it."""
        last, fits = topic.last(id), match_of(self.bound.match)
        if last is None:
            return None
        try:
            return last.event if fits is None or fits(last.event, last.event.time) else None
        except NoMatch:
            return None


class Observers(Generic[H]):
    """Those of one kind."""

    def __init__(
        self,
        handler: H,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        bound: TopicHandlers,
        ours: Callable[[int], bool],
    ) -> None:
        """handler: of the kind. bound: what topics have. ours(shard): whether a shard's topics have their handlers run
        here."""
        self._handler, self._bus, self._log, self._topics = handler, bus, log, topics
        self._bound, self._ours = bound, ours

    def __iter__(self) -> Iterator[Observing[H]]:
        """All that topics have; what cannot be used is told."""
        for name in self._bound.topics():
            topic = self._topics.get(name)
            for bound in self._bound.at(name, topic.applied) if topic is not None else ():
                if bound.kind != self._handler.kind:
                    continue
                try:
                    _, options = handlers.read_again(bound.kind, bound.options)
                except ValueError as error:
                    self.cannot(bound, "a handler cannot be used", error)
                else:
                    yield Observing(bound, self._handler, options, self._ours(shard_of_topic(name)))

    async def put(self, one: Observing[H], events: Iterable[AlertEvent], now: int, msg_id: str | None = None) -> bool:
        """Put the first of these events, each shorter than the one before, that the bus takes into the handler's topic;
        whether there was one. Raises BusError."""
        # they are in order, whatever becomes of the clock
        tick = max(now, self._topics.ticked("", 0, [one.into]) + 1)
        made = (message_of(replace(event, place=(-tick, 0)), one.into) for event in events)
        return await store_what_fits(self._bus, self._log, (replace(m, node=one.node) for m in made), msg_id)

    def cannot(self, bound: BoundHandler, what: str, error: Exception | None = None, **keys: Any) -> None:
        """Tell of what is wrong with a handler, or with the alerts of its topic."""
        more = keys if error is None else {**keys, "err": repr(error)}
        _log.limited(bound.key).error(what, topic=bound.topic, kind=bound.kind, **more)
