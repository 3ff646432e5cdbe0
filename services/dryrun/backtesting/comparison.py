"""What one script did against what another did: their events side by side, by id and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.dryrun.backtesting.raised import RaisedEvent

MOST = 500_000
"""Events that wait for one another; they are in memory."""

_Key = tuple[str, int]  # id and time


class TooManyEvents(Exception):
    """There are more than can be compared."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST} alert events would have to be compared: ask for a shorter time")


class Comparison:
    """Events of the one that is compared with are expected first, then those of the other are taken.

    Two events are of one another where id and time are the same, to the nanosecond; each counts once.
    """

    def __init__(self) -> None:
        self._expected: dict[_Key, deque[RaisedEvent]] = {}
        self._new: dict[_Key, list[RaisedEvent]] = {}
        self.expected = self.same = 0
        self._waiting = 0

    def expect(self, event: RaisedEvent) -> None:
        """What the one that is compared with did. Raises TooManyEvents."""
        self._wait()
        self._expected.setdefault((event.id, event.time), deque()).append(event)
        self.expected += 1

    def take(self, event: RaisedEvent) -> None:
        """What the other did. Raises TooManyEvents."""
        key = (event.id, event.time)
        there = self._expected.get(key, ())
        like = next((one for one in there if one.level == event.level), None)
        if like is None:
            self._wait()
            self._new.setdefault(key, []).append(event)
            return
        self.same += 1
        self._waiting -= 1
        self._expected[key].remove(like)
        if not self._expected[key]:
            del self._expected[key]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Each difference, in order of time: {"difference", "time", "id", "level", "message", "against"}.

        difference: "new", what only the second did; "missing", what only the first did; "level", where both did
        something and the level differs. level, message: of the second, but of the first for "missing". against: the
        first's level, for "level" only.
        """
        for time, id in sorted((time, id) for id, time in self._new.keys() | self._expected.keys()):
            yield from _of_key(self._new.get((id, time), []), list(self._expected.get((id, time), ())))

    def counts(self) -> dict[str, int]:
        """{"same", "new", "missing", "level"}: how many of each."""
        found = {"same": self.same, "new": 0, "missing": 0, "level": 0}
        for key in self._new.keys() | self._expected.keys():
            new, missing = len(self._new.get(key, ())), len(self._expected.get(key, ()))
            found["level"] += min(new, missing)
            found["new"] += max(0, new - missing)
            found["missing"] += max(0, missing - new)
        return found

    def _wait(self) -> None:
        if self._waiting >= MOST:
            raise TooManyEvents
        self._waiting += 1


def _of_key(new: list[RaisedEvent], missing: list[RaisedEvent]) -> Iterator[dict[str, Any]]:
    for one, other in zip(new, missing, strict=False):
        yield _line("level", one) | {"against": LEVELS[other.level]}
    for one in new[len(missing) :]:
        yield _line("new", one)
    for one in missing[len(new) :]:
        yield _line("missing", one)


def _line(difference: str, event: RaisedEvent) -> dict[str, Any]:
    return {
        "difference": difference,
        "time": format_rfc3339(event.time),
        "id": event.id,
        "level": LEVELS[event.level],
        "message": event.message,
    }
