"""The alerts of all topics whose handlers are run here that nobody sees to: looked at when alerts change, and when one
has stood for long enough.

What is to be done is worked out of two topics as they stand, the alert's and the one that it is escalated to: so a
service that starts, or takes a topic over, goes on where another has come to.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson

from services.alerting import handlers
from services.alerting.delivery.forward import message_of
from services.alerting.delivery.looks import Pacing
from services.alerting.delivery.match import NoMatch, match_of
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Escalator
from services.alerting.silencing.silences import Silences, labels_in
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topics import Topic, Topics
from services.alertlog.codec import encode
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.subjects import alert_subject
from services.process import log as logs

_log = logs.get("alerting")

_LONGEST = 5.0  # seconds until it is looked again: topics may have come to this alerting meanwhile
_PAUSE = 0.2
_SLICE = 500  # alerts that are looked at before others have their turn
_NAME = "escalate"


class Escalations:
    """Runs for as long as the service does."""

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        bound: Callable[[], Iterable[BoundHandler]],
        silences: Silences,
        ours: Callable[[int], bool],
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """bound(): the handlers of this kind that topics have. ours(shard): whether the handlers of a shard's topics
        are run here. now(): ns since 1970."""
        self._bus, self._log, self._topics, self._bound = bus, log, topics, bound
        self._silences, self._ours, self._now = silences, ours, now
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Alerts, acknowledgements, silences or handlers are others than they were."""
        self._changed.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._changed.clear()
            pacing = Pacing()
            pause = _LONGEST
            try:
                due = await self._look()
                pause = min(_LONGEST, max(0.0, (due - self._now()) / 1e9)) if due is not None else _LONGEST
            except BusError as error:
                _log.limited("escalations").warn("alerts cannot be escalated yet", err=error)
                pause = _PAUSE
            await pacing.rest()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _look(self) -> int | None:
        """Escalate what is due; gives when the next is, None for nothing."""
        escalating = [(one, read) for one in self._bound() if (read := _read(one)) is not None]
        mine = [(one, read) for one, read in escalating if self._ours(shard_of_topic(one.topic))]
        if mine:
            await self._log.caught_up()
        sources: dict[str, set[str]] = {}
        for one, (_, options) in escalating:
            sources.setdefault(options.topic, set()).add(one.topic)
        dues = []
        for one, (handler, options) in mine:
            try:
                dues.append(await self._look_at(one, handler, options, sources[options.topic]))
            except BusError:
                raise
            except Exception as error:
                # anybody may publish to ALERTS: what is wrong with one topic holds up no other
                _log.limited(one.key).error("alerts cannot be escalated", topic=one.topic, err=repr(error))
        return min((due for due in dues if due is not None), default=None)

    async def _look_at(
        self, bound: BoundHandler, handler: Escalator[Any], options: Any, sources: Iterable[str]
    ) -> int | None:
        topic, next_due = self._topics.get(bound.topic), list[int]()
        if topic is None:
            return None
        await self._end(bound, options, topic, sources)
        for number, (id, (_, at, duration)) in enumerate(topic.standing()):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if id in topic.acknowledged or self._is_told(options.topic, id):
                continue
            due = at - duration + handler.after(options)
            if due > self._now():
                next_due.append(due)
            elif self._fits(bound, topic, id):
                await self._put(bound, options, topic, id)
        return min(next_due, default=None)

    async def _end(self, bound: BoundHandler, options: Any, topic: Topic, sources: Iterable[str]) -> None:
        """Put the ends of alerts there that were escalated, and are OK in all topics that they may come from."""
        into = self._topics.get(options.topic)
        if into is None or ("", _node(bound)) not in into.deduplicators:
            return
        from_ = [one for name in sources if (one := self._topics.get(name)) is not None]
        for number, (id, _) in enumerate(into.standing()):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if topic.stood(id) is not None and not any((one.stood(id) or (0,))[0] for one in from_):
                await self._put(bound, options, topic, id)

    def _is_told(self, topic: str, id: str) -> bool:
        into = self._topics.get(topic)
        stood = into.stood(id) if into is not None else None
        return stood is not None and stood[0] > 0

    def _fits(self, bound: BoundHandler, topic: Topic, id: str) -> bool:
        """Whether the handler is to have the alert."""
        last, fits = topic.last(id), match_of(bound.match)
        if self._silences.of(labels_in(topic, id), self._now()):
            return False
        try:
            return fits is None or (last is not None and fits(last.event, last.event.time))
        except NoMatch:
            return False

    async def _put(self, bound: BoundHandler, options: Any, topic: Topic, id: str) -> None:
        """Put an alert there as it stands."""
        state, last = topic.state(id), topic.last(id)
        if state is None:
            return
        before = last.event if last is not None else None
        tick = max(self._now(), self._last_tick(options.topic, _node(bound)) + 1)
        event = AlertEvent(
            topic=options.topic,
            task="",
            id=id,
            message=state.message,
            given_details=state.details,
            level=state.level,
            previous=0,
            time=state.time,
            duration=state.duration,
            recoverable=True,
            name=before.name if before else "",
            group=before.group if before else "",
            tags=before.tags if before else {},
            fields=before.fields if before else {},
            rows=None,
            server=before.server if before else ("", "", ""),
            place=(-tick, 0),
        )
        # the same from another alerting is not even stored
        identity = hashlib.sha256(orjson.dumps([bound.key, id, topic.stood(id)])).hexdigest()
        for one in (event, replace(event, fields={}, given_details="")):
            data = encode(replace(message_of(one, options.topic), node=_node(bound)))
            try:
                ack = await self._bus.publish(alert_subject(options.topic), data, msg_id=identity)
            except PayloadTooLarge:
                continue
            await self._log.folded(ack.seq)
            return
        _log.limited(bound.key).error("an alert is too large to be escalated", topic=bound.topic, id=id)

    def _last_tick(self, topic: str, node: str) -> int:
        into = self._topics.get(topic)
        seen = into.deduplicators.get(("", node)) if into is not None else None
        return seen.tick[0] if seen is not None else 0


def _read(bound: BoundHandler) -> tuple[Escalator[Any], Any] | None:
    """The handler and its options, None where it cannot be used."""
    try:
        handler, options = handlers.read_again(bound.kind, bound.options)
    except ValueError as error:
        _log.limited(bound.key).error("a handler cannot be used", topic=bound.topic, kind=bound.kind, err=error)
        return None
    assert isinstance(handler, Escalator)
    return handler, options


def _node(bound: BoundHandler) -> str:
    """What puts the handler's events into their topic, among what else does."""
    return f"{_NAME}/{hashlib.sha256(bound.key.encode()).hexdigest()[:16]}"
