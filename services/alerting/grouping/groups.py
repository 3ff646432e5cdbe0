"""The groups of all topics whose handlers are run here: looked at when alerts have changed, told when they are due.

What is to be told is worked out of the topic as it stands, and what was told of the topic that digests go to: so a
service that starts, or takes a topic over, goes on where another has come to.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from services.alerting import handlers
from services.alerting.delivery.forward import message_of
from services.alerting.delivery.looks import Pacing
from services.alerting.delivery.match import NoMatch, match_of
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.errors import Rejected
from services.alerting.folded_log import FoldedLog
from services.alerting.grouping.digest import digest
from services.alerting.grouping.group import TOLD, Group, read_told
from services.alerting.handler_base import Grouper
from services.alerting.silencing.silences import Silences, labels_in, labels_of
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topics import Topic, Topics
from services.alertlog.codec import AlertStatus, encode
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.subjects import alert_subject
from services.process import log as logs

_log = logs.get("alerting")

_LONGEST = 5.0  # seconds until it is looked again: topics may have come to this alerting meanwhile
_PAUSE = 0.2
_SLICE = 500  # alerts that are looked at before others have their turn
_NAME = "group"


@dataclass(slots=True)
class _Grouped:
    """What is kept of one handler: of each alert how it stood and its event as it is grouped, None where it is not; and
    the groups, by their values."""

    alerts: dict[str, tuple[AlertStatus, AlertEvent | None]] = field(default_factory=dict)
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)


class Groups:
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
        self._known: dict[str, _Grouped] = {}
        self._changed = asyncio.Event()
        self.told = 0

    def changed(self) -> None:
        """Alerts, silences or handlers are others than they were."""
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
                _log.limited("groups").warn("groups of alerts cannot be told yet", err=error)
                pause = _PAUSE
            await pacing.rest()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _look(self) -> int | None:
        """Tell what is due; gives when the next is, None for nothing."""
        mine = [one for one in self._bound() if self._ours(shard_of_topic(one.topic))]
        for key in self._known.keys() - {one.key for one in mine}:
            del self._known[key]
        if mine:
            await self._log.caught_up()
        dues = []
        for one in mine:
            try:
                dues.append(await self._look_at(one))
            except BusError:
                raise
            except Exception as error:
                # anybody may publish to ALERTS: what is wrong with one topic holds up no other
                _log.limited(one.key).error("alerts cannot be grouped", topic=one.topic, err=repr(error))
        return min((due for due in dues if due is not None), default=None)

    async def _look_at(self, bound: BoundHandler) -> int | None:
        try:
            handler, options = handlers.read_again(bound.kind, bound.options)
        except ValueError as error:
            _log.limited(bound.key).error("a handler cannot be used", topic=bound.topic, kind=bound.kind, err=error)
            return None
        assert isinstance(handler, Grouper)
        if options.topic == bound.topic:
            _log.limited(bound.key).error("a topic cannot have its own digests", topic=bound.topic)
            return None
        grouped = self._known.get(bound.key)
        if grouped is None:
            grouped = self._known[bound.key] = self._begun(bound, options)
        await self._group(bound, options, grouped)
        times, dues = handler.times(options), list[int]()
        for number, (values, group) in enumerate(list(grouped.groups.items())):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            due = group.due(times, self._now())
            if due is not None and due <= self._now():
                await self._tell(bound, options, group)
                due = group.due(times, self._now())
            if due is not None:
                dues.append(due)
            if group.over:
                del grouped.groups[values]
        return min(dues, default=None)

    def _begun(self, bound: BoundHandler, options: Any) -> _Grouped:
        """With what was told, as the digests say."""
        found = _Grouped()
        into = self._topics.get(options.topic)
        for id in into.ids if into is not None else ():
            last = into.last(id) if into is not None else None
            if last is None or last.event.task or f"{bound.topic}/" != id[: len(bound.topic) + 1]:
                continue
            told = read_told(last.event.fields.get(TOLD))
            labels = {name: last.event.tags.get(name, "") for name in options.by}
            if told and id == _id(bound.topic, labels):
                found.groups[tuple(labels.values())] = Group(id, labels, told=told, at=last.event.time)
        return found

    async def _group(self, bound: BoundHandler, options: Any, grouped: _Grouped) -> None:
        """Sort the alerts of a topic into groups, as they stand now."""
        topic = self._topics.get(bound.topic)
        alerts: dict[str, tuple[AlertStatus, AlertEvent | None]] = {}
        for group in grouped.groups.values():
            group.firing = {}
        for number, (id, stood) in enumerate(topic.standing() if topic is not None else ()):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            known = grouped.alerts.get(id)
            event = known[1] if known is not None and known[0] == stood else _event(topic, id, bound.match)
            alerts[id] = stood, event
            if event is None:
                continue
            asked = labels_of(event)
            if self._silences.of(asked, self._now()):
                continue
            labels = {name: asked.of(name) for name in options.by}
            values = tuple(labels.values())
            group = grouped.groups.get(values) or Group(_id(bound.topic, labels), labels)
            grouped.groups[values] = group
            group.firing[id] = event
        grouped.alerts = alerts
        if topic is not None:
            for number, group in enumerate(list(grouped.groups.values())):
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
                if group.told:
                    await self._hold(topic, group)

    async def _hold(self, topic: Topic, group: Group) -> None:
        """Note which of the alerts that were told are silenced: they are neither firing nor resolved."""
        held = {}
        for number, id in enumerate(sorted(group.told.keys() - group.firing.keys())):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if topic.stood(id) is not None and self._silences.of(labels_in(topic, id), self._now()):
                held[id] = group.told[id]
        group.held = held

    async def _tell(self, bound: BoundHandler, options: Any, group: Group) -> None:
        now = self._now()
        keys = {"topic": bound.topic, "group": group.id}
        try:
            event = digest(group, bound.topic, options.topic, options.message, options.details, now)
        except Rejected as error:
            _log.limited(bound.key).error("a group of alerts cannot be told", **keys, err=error)
            group.tell(now)
            return
        # digests of a handler are in order, whatever becomes of the clock
        node = f"{_NAME}/{hashlib.sha256(bound.key.encode()).hexdigest()[:16]}"
        tick = max(now, self._last_tick(options.topic, node) + 1)
        for one in (event, replace(event, rows=[]), replace(event, rows=[], given_details="")):
            made = message_of(replace(one, place=(-tick, 0)), options.topic)
            try:
                ack = await self._bus.publish(alert_subject(options.topic), encode(replace(made, node=node)))
            except PayloadTooLarge:
                continue
            await self._log.folded(ack.seq)
            self.told += 1
            break
        else:
            _log.limited(bound.key).error("a group of alerts is too large to be told", **keys)
        group.tell(now)

    def _last_tick(self, topic: str, node: str) -> int:
        into = self._topics.get(topic)
        seen = into.deduplicators.get(("", node)) if into is not None else None
        return seen.tick[0] if seen is not None else 0


def _event(topic: Topic | None, id: str, match: str) -> AlertEvent | None:
    """The last event of an alert where the handler is to have it, else None."""
    last = topic.last(id) if topic is not None else None
    if last is None:
        return None
    fits = match_of(match)
    try:
        return last.event if fits is None or fits(last.event, last.event.time) else None
    except NoMatch:
        return None


def _id(topic: str, labels: dict[str, str]) -> str:
    """What a group is called: its digests have that as their id."""
    return f"{topic}/{','.join(f'{name}={value}' for name, value in labels.items())}"
