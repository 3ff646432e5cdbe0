"""The alert event that is asked about, in the stream ALERTS."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson

from grammar.golang.times import format_rfc3339
from grammar.gotemplate import Time
from services.alertlog import codec
from services.alertlog.codec import AlertMessage
from services.alertlog.fields import at as fields_at
from services.alertlog.info import LEVELS
from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.streams import ALERTS
from services.bus.subjects import alert_subject, parse_alert_subject
from services.columns.groups.shown import plain_fields
from services.dryrun.log_reader import read_subjects
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
    end, size = state.last_seq, _FIRST_PART
    earliest: FoundEvent | None = None
    while True:
        begin = max(end - size, state.first_seq - 1, 0)
        found = _changes(await _events(bus, subject, topic, id, begin, state.last_seq), until)
        if len(found) > 1 or (found and found[0].previous):
            return found[-1]
        earliest = found[-1] if found else earliest
        if begin <= state.first_seq - 1:
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


async def _events(bus: Bus, subject: str, topic: str, id: str, after: int, until: int) -> list[FoundEvent]:
    """All events of an alert in a topic in a part of ALERTS, in order."""
    wanted = orjson.dumps(id)
    found: list[FoundEvent] = []
    async for messages in read_subjects(bus, ALERTS, [subject], after, until):
        for stored in messages:
            if wanted not in stored.data or (message := _decoded(stored, topic)) is None or id not in message.ids:
                continue
            mine = message.ids.index(id)
            found += [
                FoundEvent(message, i, stored.seq, stored.time_ns, "") for i, n in enumerate(message.id) if n == mine
            ]
    return found


def _changes(events: list[FoundEvent], until: int | None) -> list[FoundEvent]:
    """Of an alert's events, in order, the first, and those that changed its level, with the level before."""
    changes: list[FoundEvent] = []
    last = ""
    for one in events:
        if until is not None and int(one.message.time[one.number]) > until:
            continue
        via = one.message.via
        if one.level != last:
            fresh = one.message.fresh is not None and one.number in one.message.fresh
            first = LEVELS[0] if fresh else "" if via is None else LEVELS[via.previous]
            previous = last or first
            changes.append(FoundEvent(one.message, one.number, one.seq, one.stored, previous))
        last = one.level
    return changes


def _decoded(stored: StoredMessage, topic: str) -> AlertMessage | None:
    """The events of a message; None where it is one of another kind."""
    try:
        return codec.decode(stored.data, topic)
    except ValueError:
        return None
