"""The alert event that is asked about, in the stream ALERTS."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from grammar.golang.times import format_rfc3339
from grammar.gotemplate import Time
from services.alertlog import codec
from services.alertlog.codec import AlertMessage
from services.alertlog.deduplicator import Deduplicator
from services.alertlog.fields import at as fields_at
from services.alertlog.info import LEVELS
from services.alertlog.inhibition import owner_of
from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.reading.stretches import read_subjects
from services.bus.streams import ALERTS
from services.bus.subjects import alert_subject, parse_alert_subject
from services.columns.groups.shown import plain_fields
from services.recorder.explaining.unexplained import Unexplained

_FIRST_PART, _GROWS = 20_000, 8  # sequences that are looked through at first, from the end of the log, and how it grows
_MOST_VIA = 16  # topics that an event has come through


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event of an alert. previous: the name of the level that its alert had before, in its topic; "" unknown.

    seq: of its message in ALERTS; number: its place in that. via: the topics that it came through to the one that was
    asked about, the first one first; empty where it was raised for that itself.
    """

    message: AlertMessage
    number: int
    seq: int
    stored: int
    previous: str
    via: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """The name of its level."""
        return LEVELS[int(self.message.level[self.number])]

    @property
    def group_tags(self) -> dict[str, str]:
        """The tags of its group with their values."""
        series = self.message.series[int(self.message.of[self.number])]
        group = series["group"].rpartition("\n")[2]
        return {k: v for k, v in (series["tags"] or {}).items() if f",{k}={v}," in f",{group},"}

    def to_plain(self) -> dict[str, Any]:
        """As it is shown."""
        m, i = self.message, self.number
        series = m.series[int(m.of[i])]
        found = fields_at(m.columns, i).items()
        fields = {name: format_rfc3339(value.ns) if isinstance(value, Time) else value for name, value in found}
        return {
            "id": m.ids[int(m.id[i])],
            "level": self.level,
            "previous": self.previous,
            "time": format_rfc3339(int(m.time[i])),
            "duration": int(m.duration[i]),
            "message": m.messages[int(m.message[i])],
            "task": m.task,
            "node": m.node,
            "group": series["group"],
            "tags": series["tags"] or {},
            "fields": plain_fields(fields),
            "stored": format_rfc3339(self.stored),
            "seq": self.seq,
            "number": i,
        }


async def find_event(bus: Bus, topic: str, id: str, until: int | None) -> FoundEvent:
    """The last change of an alert's level in a topic. until: at or before this time (ns); None: the last there is.

    Where the level never changed as far back as the log goes, the first event there. Raises Unexplained, BusError.
    """
    try:
        subject = alert_subject(topic)
    except ValueError as error:
        raise Unexplained(404, str(error)) from error
    state = await bus.stream_state(ALERTS)
    first = max(state.first_seq - 1, 0)  # nothing was ever stored: both are 0
    end, size = state.last_seq, _FIRST_PART
    earliest: FoundEvent | None = None
    while True:
        begin = max(end - size, first)
        found = await _changes(bus, subject, id, begin, state.last_seq, until)
        if found.last is not None and (found.count > 1 or found.last.previous):
            return found.last
        earliest = found.last or earliest
        if begin <= first:
            break
        size *= _GROWS
    if earliest is None:
        before = "" if until is None else f" at or before {format_rfc3339(until)}"
        raise Unexplained(404, f"the log of alerts holds no event of {id!r} in topic {topic!r}{before}")
    return earliest


async def source_of(bus: Bus, event: FoundEvent) -> FoundEvent:
    """The event of an alert node that an event was made of, which came through topics by handlers.

    Of an event that was made of several, the last. Raises Unexplained, BusError.
    """
    path: deque[str] = deque()
    found = event
    while found.message.via is not None and len(path) < _MOST_VIA:
        path.appendleft(found.message.topic)
        seq, number = int(found.message.seq[found.number]), int(found.message.row[found.number])
        stored = await bus.get_message(ALERTS, seq)
        message = None if stored is None else _decoded(stored, parse_alert_subject(stored.subject))
        if stored is None or message is None or number >= len(message):
            raise Unexplained(
                410,
                f"the event came from another topic by the handler {found.message.via.handler!r}, and the log of "
                "alerts does not hold any more what it was made of",
            )
        found = FoundEvent(message, number, seq, stored.time_ns, "")
    if not path:
        return event
    return FoundEvent(found.message, found.number, found.seq, found.stored, "", (found.message.topic, *path))


class _Changes:
    """The changes of one alert's level, of whose events it is told in order; what was sent again counts once.

    count: how many, with its first event. last: the last of them, with the level before.
    """

    def __init__(self, id: str, until: int | None) -> None:
        """until: at or before this time (ns); None: all."""
        self._id, self._until = id, until
        self._level = ""
        self._seen: dict[tuple[str, str], Deduplicator] = {}
        self.count = 0
        self.last: FoundEvent | None = None

    def take(self, message: AlertMessage, stored: StoredMessage) -> None:
        """The events of a message, which may be of other alerts as well."""
        mine = message.ids.index(self._id) if self._id in message.ids else -1
        new = self._first_new(message)
        for i in np.flatnonzero(message.id == mine).tolist():
            if i < new:
                continue
            if self._until is not None and int(message.time[i]) > self._until:
                continue
            one = FoundEvent(message, i, stored.seq, stored.time_ns, "")
            if one.level != self._level:
                previous = self._level or _level_before(message, i)
                self.last = replace(one, previous=previous)
                self.count += 1
            self._level = one.level

    def _first_new(self, message: AlertMessage) -> int:
        """The first event that was not sent before, as services.alerting.topics has it; all after it are new."""
        if message.ends is not None:
            return 0
        seen = self._seen.setdefault((owner_of(message.task, message.replay), message.node), Deduplicator())
        if message.via is not None and (*message.via.first, 0) <= seen.point:
            return len(message)
        return seen.first_new(message.started, message.seq, message.row, message.ordinal)


def _level_before(message: AlertMessage, number: int) -> str:
    """The level before the first event that is known of, as far as that event itself says it."""
    if message.fresh is not None and number in message.fresh:
        return LEVELS[0]
    return "" if message.via is None else LEVELS[message.via.previous]


async def _changes(bus: Bus, subject: str, id: str, after: int, end: int, until: int | None) -> _Changes:
    """Those of an alert in a part of ALERTS. until: ns, of its events. Raises BusError."""
    wanted, topic = orjson.dumps(id), parse_alert_subject(subject)
    changes = _Changes(id, until)
    async with aclosing(read_subjects(bus, ALERTS, [subject], after, end)) as reading:
        async for messages in reading:
            for stored in messages:
                if wanted in stored.data and (message := _decoded(stored, topic)) is not None:
                    changes.take(message, stored)
                    await asyncio.sleep(0)
    return changes


def _decoded(stored: StoredMessage, topic: str) -> AlertMessage | None:
    """The events of a message; None where it is one of another kind."""
    try:
        return codec.decode(stored.data, topic)
    except ValueError:
        return None
