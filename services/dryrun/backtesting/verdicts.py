"""What alerts come to over a time: how many of each id and level, for how long, and which ids flap."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.dryrun.backtesting.raised import RaisedEvent

_HOUR = 3600 * 10**9
_SHOWN = 10  # of the first and of the last events
_MOST_IDS = 100  # in the summary
_MOST_FLAPPING = 20
_FLAPS = 3  # changes from which on an id is said to flap: more than one alert and its recovery
_MOST_TEXT = 300  # characters of a message or an id in the summary

Where = str
"""Where an id counts: the topic that the script names, else the alert node."""


@dataclass(slots=True)
class IdVerdict:
    """What one id has come to.

    events: by level. changes: of its level. lasted: ns at each level, as far as they lie within the time. level, since:
    how it stands, and from when on (ns).
    """

    where: Where
    id: str
    level: int = 0
    since: int = 0
    changes: int = 0
    first: int = 0
    last: int = 0
    events: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    lasted: list[int] = field(default_factory=lambda: [0] * len(LEVELS))

    def stands(self, level: int, time: int, end: int) -> None:
        """From a time on it is at this level; what it was until then counts, up to `end`."""
        self.lasted[self.level] += max(0, min(time, end) - self.since)
        self.level, self.since = level, time

    def total(self) -> int:
        """How many events."""
        return sum(self.events)


class Verdicts:
    """Reckons events up. What came before `begin` counts only for how ids stand there."""

    def __init__(self, begin: int, end: int) -> None:
        """begin, end: the time that is asked about, ns."""
        self._begin, self._end = begin, end
        self._ids: dict[tuple[Where, str], IdVerdict] = {}
        self._transitions: Counter[tuple[int, int]] = Counter()
        self._first: list[tuple[RaisedEvent, int]] = []  # with the level before
        self._last: deque[tuple[RaisedEvent, int]] = deque(maxlen=_SHOWN)
        self.alerts = 0

    def before(self, where: Where, event: RaisedEvent) -> None:
        """An event that came before the time that is asked about."""
        one = self._of(where, event.id)
        one.level, one.since = event.level, self._begin

    def take(self, where: Where, event: RaisedEvent) -> int:
        """An event of the time that is asked about; gives the level that its id had before."""
        one = self._of(where, event.id)
        previous, level = one.level, event.level
        one.stands(level, event.time, self._end)
        one.first, one.last = one.first or event.time, event.time
        one.events[level] += 1
        self.alerts += 1
        if level != previous:
            one.changes += 1
            self._transitions[previous, level] += 1
        if len(self._first) < _SHOWN:
            self._first.append((event, previous))
        self._last.append((event, previous))
        return previous

    def by_id(self) -> Iterator[dict[str, Any]]:
        """Of each id a line, those with the most events first.

        {"topic": that the script names, else the alert node, "id", "events": {level: n}, "changes": of its level,
        "changes-per-hour", "share-of-changes": of its events, "lasted": {level but OK: ns}, "first", "last": times of
        events, "level": at the end}
        """
        counted = [one for one in self._ids.values() if one.total()]
        for one in sorted(counted, key=lambda one: (-one.total(), one.id, one.where)):
            yield self._line(one)

    def summary(self) -> dict[str, Any]:
        """All in all.

        {"alerts", "levels": {level: n}, "transitions": {"OK to CRITICAL": n}, "ids": n, "by-id": [the first hundred of
        `by_id`], "flapping": [of those that changed their level more than twice the twenty that did so most],
        "first", "last": [{"time", "id", "level", "previous", "duration", "message"}]}, texts shortened.
        """
        lines = list(self.by_id())
        flapping = sorted(
            (one for one in lines if one["changes"] >= _FLAPS), key=lambda one: (-one["changes"], one["id"])
        )
        levels = [sum(one.events[level] for one in self._ids.values()) for level in range(len(LEVELS))]
        return {
            "alerts": self.alerts,
            "levels": dict(zip(LEVELS, levels, strict=True)),
            "transitions": {
                f"{LEVELS[before]} to {LEVELS[after]}": n for (before, after), n in sorted(self._transitions.items())
            },
            "ids": len(lines),
            "by-id": [_shortened(line) for line in lines[:_MOST_IDS]],
            "flapping": [_shortened(line) for line in flapping[:_MOST_FLAPPING]],
            "first": [_shown(event, previous) for event, previous in self._first],
            "last": [_shown(event, previous) for event, previous in self._last],
        }

    def _of(self, where: Where, id: str) -> IdVerdict:
        one = self._ids.get((where, id))
        if one is None:
            one = self._ids[where, id] = IdVerdict(where, id)
        return one

    def _line(self, one: IdVerdict) -> dict[str, Any]:
        lasted = list(one.lasted)
        if one.since >= self._begin:  # else points of long ago were written then, whose time has no end here
            lasted[one.level] += max(0, self._end - one.since)
        hours = max(self._end - self._begin, 1) / _HOUR
        return {
            "topic": one.where,
            "id": one.id,
            "events": {LEVELS[level]: n for level, n in enumerate(one.events) if n},
            "changes": one.changes,
            "changes-per-hour": round(one.changes / hours, 2),
            "share-of-changes": round(one.changes / one.total(), 3),
            "lasted": {LEVELS[level]: ns for level, ns in enumerate(lasted) if level and ns},
            "first": format_rfc3339(one.first),
            "last": format_rfc3339(one.last),
            "level": LEVELS[one.level],
        }


def _shown(event: RaisedEvent, previous: int) -> dict[str, Any]:
    return {
        "time": format_rfc3339(event.time),
        "id": event.id[:_MOST_TEXT],
        "level": LEVELS[event.level],
        "previous": LEVELS[previous],
        "duration": event.duration,
        "message": event.message[:_MOST_TEXT],
    }


def _shortened(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "id": line["id"][:_MOST_TEXT]}
