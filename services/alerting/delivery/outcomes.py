"""What became of events with their handlers: the last of each alert, for those who ask whom it was sent to.

It is kept in memory only: to write it down as well would cost several times what noting it does.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from schemas.requests.alerting import MOST_DELIVERIES
from services.alerting.delivery import notices
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import FLAPPING, INHIBITED, MUTED, SILENCED
from services.process.log import hidden

SENT, RETRYING, GIVEN_UP = "sent", "retrying", "given-up"

_MOST_ALERTS, _MOST_IN_ALL = 10_000, 50_000
_MOST_ERROR = 300  # characters
_HELD = {INHIBITED: "inhibited", SILENCED: "silenced", MUTED: "muted", FLAPPING: "flapping"}


@dataclass(slots=True)
class Outcome:
    """What became of one event with one handler.

    handler: its key; id: what it is called in its topic, "" where a script has it. place: of the event in ALERTS, the
    sequence of its message and its number in it. level: 0 (OK) to 3. event_time: of the event, at: when this was so,
    both ns. what: SENT, RETRYING, GIVEN_UP, or by what it was held back. took: the last attempt, ns. error: of the last
    attempt that failed.
    """

    handler: str
    id: str
    kind: str
    place: tuple[int, int]
    level: int
    event_time: int
    at: int
    what: str
    attempts: int
    took: int
    error: str


class Outcomes:
    """The last of each alert, so many in all; those of the alert that had none for longest go first."""

    def __init__(self, alerts: int = _MOST_ALERTS, in_all: int = _MOST_IN_ALL) -> None:
        """alerts: of how many at most; in_all: how many outcomes of all of them."""
        self._most, self._most_in_all = alerts, in_all
        self._of: OrderedDict[tuple[str, str], deque[Outcome]] = OrderedDict()
        self._count = 0

    def note(
        self,
        of: BoundHandler,
        event: AlertEvent,
        what: str,
        attempts: int,
        took: float,
        error: str = "",
        before: Outcome | None = None,
    ) -> Outcome | None:
        """Note how it went. Gives what was noted, to be given as `before` where the same event goes on.

        took: seconds, of the last attempt. Nothing is noted of the notices that every topic gives.
        """
        if notices.topic_of(of.key) is not None:
            return None
        now, took_ns = time.time_ns(), int(took * 1e9)
        told = sys.intern(hidden(error)[:_MOST_ERROR]) if error else ""
        if before is None:
            key, id, kind = sys.intern(of.key), of.id, of.kind
            one = Outcome(key, id, kind, event.place, event.level, event.time, now, what, attempts, took_ns, told)
            self._add((event.topic, event.id), one)
            return one
        before.at, before.what, before.attempts, before.took = now, what, attempts, took_ns
        before.error = told or before.error
        return before

    def held(self, of: BoundHandler, message: ReceivedMessage, number: int, seq: int, mark: int) -> None:
        """Note that a handler does not get event number so many of a message, by its mark (see topics.topic)."""
        if notices.topic_of(of.key) is not None:
            return
        alert, place = (message.topic, message.ids[int(message.id[number])]), (seq, number)
        if any(one.place == place and one.handler == of.key for one in self._of.get(alert, ())):
            return  # what is collected is looked at again
        level, event_time = int(message.level[number]), int(message.time[number])
        key, now = sys.intern(of.key), time.time_ns()
        self._add(alert, Outcome(key, of.id, of.kind, place, level, event_time, now, _HELD[mark], 0, 0, ""))

    def of(self, topic: str, id: str) -> list[Outcome]:
        """Those of an alert, newest first."""
        return sorted(self._of.get((topic, id), ()), key=lambda one: one.at, reverse=True)

    def _add(self, alert: tuple[str, str], one: Outcome) -> None:
        known = self._of.get(alert)
        if known is None:
            known = self._of[alert] = deque(maxlen=MOST_DELIVERIES)
        else:
            self._of.move_to_end(alert)
        if len(known) < MOST_DELIVERIES:
            self._count += 1
        known.append(one)
        while len(self._of) > self._most or self._count > self._most_in_all:
            self._count -= len(self._of.popitem(last=False)[1])
