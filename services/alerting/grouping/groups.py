"""The groups of all topics whose handlers are run here: looked at when alerts have changed, told when they are due.

What is to be told is worked out of the topic as it stands, and what was told of the topic that digests go to: so a
service that starts, or takes a topic over, goes on where another has come to.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from services.alerting.delivery.looks import Looking, in_turns
from services.alerting.delivery.observers import Observers, Observing
from services.alerting.errors import Rejected
from services.alerting.folded_log import FoldedLog
from services.alerting.grouping.digest import digest
from services.alerting.grouping.group import TOLD, Group, read_told
from services.alerting.handler_base import Grouper
from services.alerting.silencing.holding import Holding
from services.alerting.silencing.labels import labels_of
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.topic import Topic
from services.alerting.topics.topics import Topics
from services.alertlog.codec import AlertStatus
from services.bus.errors import BusError

_Grouping = Observing[Grouper[Any]]


@dataclass(slots=True)
class _Grouped:
    """What is kept of one handler: of each alert how it stood and its event as it is grouped, None where it is not; and
    the groups, by their values."""

    alerts: dict[str, tuple[AlertStatus, AlertEvent | None]] = field(default_factory=dict)
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)


class Groups(Looking):
    """Looked at when alerts, silences or handlers change, and when a group is due. told: digests since the start."""

    doing = "telling of groups of alerts"

    def __init__(
        self,
        log: FoldedLog,
        topics: Topics,
        observers: Observers[Grouper[Any]],
        holding: Holding,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(now)
        self._log, self._topics, self._observers, self._holding = log, topics, observers, holding
        self._known: dict[str, _Grouped] = {}
        self.told = 0

    async def _look(self) -> int | None:
        """Tell what is due."""
        mine = [one for one in self._observers if one.ours]
        for key in self._known.keys() - {one.bound.key for one in mine}:
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
                self._observers.cannot(one.bound, "alerts cannot be grouped", error)
        return min((due for due in dues if due is not None), default=None)

    async def _look_at(self, one: _Grouping) -> int | None:
        if one.into == one.bound.topic:
            self._observers.cannot(one.bound, "a topic cannot have its own digests")
            return None
        grouped = self._known.get(one.bound.key)
        if grouped is None:
            grouped = self._known[one.bound.key] = self._begun(one)
        await self._group(one, grouped)
        times, dues = one.handler.times(one.options), list[int]()
        async for values, group in in_turns(list(grouped.groups.items())):
            due = group.due(times, self._now())
            if due is not None and due <= self._now():
                await self._tell(one, group)
                due = group.due(times, self._now())
            if due is not None:
                dues.append(due)
            if group.over:
                del grouped.groups[values]
        return min(dues, default=None)

    def _begun(self, one: _Grouping) -> _Grouped:
        """With what was told, as the digests say."""
        found, source = _Grouped(), one.bound.topic
        into = self._topics.get(one.into)
        for id in into.ids if into is not None else ():
            last = into.last(id) if into is not None else None
            if last is None or last.event.task or f"{source}/" != id[: len(source) + 1]:
                continue
            told = read_told(last.event.fields.get(TOLD))
            labels = {name: last.event.tags.get(name, "") for name in one.options.by}
            if told and id == _id(source, labels):
                found.groups[tuple(labels.values())] = Group(id, labels, told=told, at=last.event.time)
        return found

    async def _group(self, one: _Grouping, grouped: _Grouped) -> None:
        """Sort the alerts of a topic into groups, as they stand now."""
        topic = self._topics.get(one.bound.topic)
        if topic is None:
            return
        alerts: dict[str, tuple[AlertStatus, AlertEvent | None]] = {}
        for group in grouped.groups.values():
            group.firing = {}
        async for id, stood in in_turns(topic.standing()):
            known = grouped.alerts.get(id)
            event = known[1] if known is not None and known[0] == stood else one.wanted(topic, id)
            alerts[id] = stood, event
            if event is None:
                continue
            asked = labels_of(event)
            if self._holding.holds(topic, id, self._now(), one.bound, asked):
                continue
            labels = {name: asked.of(name) for name in one.options.by}
            values = tuple(labels.values())
            group = grouped.groups.get(values) or Group(_id(topic.name, labels), labels)
            grouped.groups[values] = group
            group.firing[id] = event
        grouped.alerts = alerts
        async for group in in_turns(list(grouped.groups.values())):
            if group.told:
                await self._hold(one, topic, group)

    async def _hold(self, one: _Grouping, topic: Topic, group: Group) -> None:
        """Note which of the alerts that were told are held back: they are neither firing nor resolved."""
        held = {}
        async for id in in_turns(sorted(group.told.keys() - group.firing.keys())):
            if topic.stood(id) is not None and self._holding.holds(topic, id, self._now(), one.bound):
                held[id] = group.told[id]
        group.held = held

    async def _tell(self, one: _Grouping, group: Group) -> None:
        now, options = self._now(), one.options
        try:
            event = digest(group, one.bound.topic, one.into, options.message, options.details, now)
        except Rejected as error:
            self._observers.cannot(one.bound, "a group of alerts cannot be told", error, group=group.id)
            group.tell(now)
            return
        events = event, replace(event, rows=[]), replace(event, rows=[], given_details="")
        if await self._observers.put(one, events, now):
            self.told += 1
        else:
            self._observers.cannot(one.bound, "a group of alerts is too large to be told", group=group.id)
        group.tell(now)


def _id(topic: str, labels: dict[str, str]) -> str:
    """What a group is called: its digests have that as their id."""
    return f"{topic}/{','.join(f'{name}={value}' for name, value in labels.items())}"
