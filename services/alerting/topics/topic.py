"""A topic: the last event of each id, folded from ALERTS.

The fold of a topic depends on the messages of its subject alone, and on which runs and deletions of its task lie
between them (see Runs): it reads no clock. What it leaves out are repeats (see services.alertlog.deduplicator), and
alerts that are inhibited (see inhibitors.py). What a handler of another topic puts here is ordered by the place in
ALERTS of the event that it is made of, or of the last where it is made of several: one of which an earlier one was made
already makes it a repeat.

Where several nodes send events of one id, a group whose first point is not OK takes up the alert that the topic has, as
in Kapacitor 1.5.7: its duration counts from the topic's last event.

Marks in ALERTS say from where on which handlers a topic has (services.alertlog.mark).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.alerting.flapping.flaps import Flaps
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.records import NO_TEXTS, Key, Last, Source, last, only_texts, records, texts
from services.alertlog.acknowledgement import Acknowledgement
from services.alertlog.bringing_in import BroughtIn
from services.alertlog.codec import AlertStatus
from services.alertlog.deduplicator import Deduplicator
from services.alertlog.taking_up import TakenUp
from services.columns.column import IntArray

_FIRST_SIZE = 8

Inhibited = NDArray[np.bool_] | None
"""For each event of a message whether it is inhibited; None: none is."""

INHIBITED, SILENCED, MUTED, FLAPPING = 255, 254, 253, 252
"""What stands among the levels that ids had before for an event that is inhibited, silenced or muted, or whose alert
flaps: no handler gets it."""
HELD = FLAPPING
"""From here on they are no levels."""


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """What there is to know of a task's past for folding its messages; all are sequences of EVENTS, 0 for none.

    deleted: the task was last deleted then; what its topics held before is gone. began: the first run.started of the
    run that a message belongs to: counting begins anew there.
    """

    deleted: int = 0
    began: int = 0


@dataclass(frozen=True, slots=True)
class EventState:
    """The last event of an id in a topic."""

    id: str
    level: int
    time: int
    duration: int
    message: str
    details: str


@dataclass(frozen=True, slots=True)
class TopicLevels:
    """How the ids of a topic stood at one moment. rows: level, time and duration of each."""

    ids: list[str]
    rows: IntArray

    def not_ok(self) -> set[str]:
        """The ids that were not OK."""
        return {self.ids[i] for i in np.flatnonzero(self.rows[:, 0]).tolist()}

    def of(self, chosen: Set[str] | None = None) -> dict[str, list[int]]:
        """[level, time, duration] of each id that is chosen; None: of all."""
        rows = zip(self.ids, self.rows.tolist(), strict=True)
        return {id: row for id, row in rows if chosen is None or id in chosen}


@dataclass(frozen=True, slots=True)
class Folded:
    """What was new in a message: the numbers of its events, and for each the level its id had before, or why no handler
    gets it.

    durations: ns, by the number of the event, of those that last longer than the message says. inhibited: which were
    held back.
    """

    events: Sequence[int]
    previous: bytes
    durations: Mapping[int, int]
    inhibited: Inhibited = None


NOTHING = Folded((), b"", {})


def own_topic(owner: str, node: str) -> str:
    """The topic of an alert node's own handlers. owner: as in services.alerting.topics.message."""
    return f"{owner if ':' in owner else f'main:{owner}'}:{node}"


def owner_of(topic: str) -> str:
    """Whose own topic it would be by its name."""
    replay, _, rest = topic.partition(":")
    task = rest.partition(":")[0]
    return task if replay == "main" else f"{replay}:{task}"


class Topic:
    """One topic. Arrays are by slot, the number an id has here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task = self.node = ""  # owner and node of the last message
        self.started = 0
        self.collected = 0
        self.deduplicators: dict[tuple[str, str], Deduplicator] = {}
        self.taken_up: dict[tuple[str, str], Deduplicator] = {}  # what owner and node had it take up
        # by owner, node and id, of alerts that go on where another's stood: when they began, and ns to add
        self.carried: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.held: dict[str, int] = {}  # ids that are held back, each with the level that handlers were told last
        self.held_of: dict[str, dict[str, int]] = {}  # the same of handlers for themselves, by scope (see silencing)
        self.flaps = Flaps()
        # ids that somebody sees to: who, why, and since when (ns)
        self.acknowledged: dict[str, tuple[str, str, int]] = {}
        self.changed: set[int] = set()  # slots whose states are not saved
        self.deleted = False  # and neither an event nor a handler came since
        self.deleted_after = 0  # the last event of EVENTS known when it was deleted
        self.applied = 0  # its handlers are those that it had at this sequence of EVENTS
        self.cleared = False  # what is saved of it is to be dropped first
        self._begin()

    @property
    def anonymous(self) -> bool:
        """Whether it is an alert node's own topic, which lives and dies with the task."""
        return self.name == own_topic(self.task, self.node)

    def __len__(self) -> int:
        return len(self.ids)

    def max_level(self) -> int:
        """The level of its worst event."""
        n = len(self.ids)
        return int(self.level[:n].max()) if n else 0

    def levels(self) -> TopicLevels:
        """How the ids stand at this moment."""
        n = len(self.ids)
        return TopicLevels(list(self.ids), np.stack([self.level[:n], self.time[:n], self.duration[:n]], axis=1))

    def states(self, least: int) -> list[EventState]:
        """The states of at least this level, by id."""
        chosen = np.flatnonzero(self.level[: len(self.ids)] >= least).tolist()
        return [self._state(slot) for slot in sorted(chosen, key=self.ids.__getitem__)]

    def state(self, id: str) -> EventState | None:
        """The state of one id, None where there is none."""
        slot = self._slots.get(id)
        return None if slot is None else self._state(slot)

    def fold(self, message: ReceivedMessage, life: TaskHistory, inhibited: Inhibited = None) -> Folded:
        """Take a message in.

        inhibited: which are only seen, but for the recoveries among them from what the topic knows of: an alert that
        was told is not left standing because another one came up.
        """
        first = self._first_new(message)
        n = len(message)
        if first >= n:
            return NOTHING
        if message.ends is None:
            self._live(message.started, life)
            if message.via is None:
                self.task, self.node = message.owner, message.node
        inhibited = self._held_back(message, first, inhibited)
        counts = np.arange(first, n) if inhibited is None else first + np.flatnonzero(~inhibited[first:])
        self.collected += len(counts)
        last = np.full(len(message.ids), -1, dtype=np.int64)
        last[message.id[counts]] = counts
        named = np.flatnonzero(last >= 0)
        last = last[named]
        had = len(self.ids)
        ids = message.ids if inhibited is None else [message.ids[i] for i in named.tolist()]
        slots = self._slots_of(ids)[named if inhibited is None else slice(None)]
        before = self._before(message, first, named, slots, had, inhibited)
        durations = self._carry(message, first, inhibited) if message.fresh or self.carried else {}
        self.level[slots] = message.level[last]
        self.time[slots] = message.time[last]
        self.duration[slots] = message.duration[last]
        raw, sources = message.raw, self.sources
        numbers = slots.tolist()
        for slot, i in zip(numbers, last.tolist(), strict=True):
            sources[slot] = (raw, i)
            if i in durations:
                self.duration[slot] = durations[i]
        self.changed.update(numbers)
        if self.acknowledged:
            for number in np.unique(message.id[counts[message.level[counts] == 0]]).tolist():
                self.acknowledged.pop(message.ids[number], None)
        return Folded(range(first, n), before, durations, inhibited)

    def acknowledge(self, said: Acknowledgement, time_ns: int) -> None:
        """Note that somebody sees to an alert, until it is OK, or that nobody does any more. time_ns: when it was
        stored."""
        if not said.on:
            self.acknowledged.pop(said.id, None)
        elif self._stands(said.id)[0]:
            self.acknowledged[said.id] = said.by, said.comment, time_ns

    def take_up(self, taken: TakenUp, life: TaskHistory, source: Topic | None) -> bool:
        """Take alerts up that another topic has, told to nobody; whether any is new. source: the other topic."""
        taken_before = self.taken_up.setdefault((taken.task, taken.node), Deduplicator())
        first = taken_before.first_new(taken.started, taken.seq, taken.row, taken.ordinal, taken.part)
        if first >= len(taken.ids):
            return False
        self._live(taken.started, life)
        self.task, self.node = taken.task, taken.node
        for i in range(first, len(taken.ids)):
            id, stood = taken.ids[i], (int(taken.level[i]), int(taken.time[i]), int(taken.duration[i]))
            self.put(id, *stood, source.texts_of(id, stood) if source is not None else NO_TEXTS)
            self.changed.add(self._slots[id])
        return True

    def bring_in(self, brought: BroughtIn) -> bool:
        """Take in how alerts stood in another server, told to nobody; whether any is new.

        One that is older than what stands here is left out. A node's own topic that nothing came to yet is from now on
        the one of its task.
        """
        new = False
        for event in brought.events:
            stood, stands = (event.level, event.time, event.duration), self.stood(event.id)
            if stands is not None and (event.time < stands[1] or stood == stands):
                continue
            self.put(event.id, *stood, only_texts(event.message, event.details))
            self.changed.add(self._slots[event.id])
            new = True
        if new:
            owner = owner_of(self.name)
            if not self.task and self.name.startswith(f"main:{owner}:"):
                self.task, self.node = owner, self.name.removeprefix(f"main:{owner}:")
                self.started = max(self.started, brought.after)
            self.deleted = False
        return new

    def texts_of(self, id: str, stood: AlertStatus) -> bytes:
        """The record of an id's texts, an empty one where it does not stand so (level, time, duration) any more."""
        if self.stood(id) != stood:
            return NO_TEXTS
        slot = self._slots[id]
        return records([(self.key(slot), self.sources[slot])])[0]

    def stood(self, id: str) -> AlertStatus | None:
        """How the alert of an id stands, None where there is none."""
        slot = self._slots.get(id)
        return None if slot is None else self.key(slot)[2:]

    def last(self, id: str) -> Last | None:
        """The last event of an id, None where there is none, or nothing is known of it but how the alert stands."""
        slot = self._slots.get(id)
        return None if slot is None else last(self.key(slot), self.sources[slot])

    def standing(self) -> list[tuple[str, AlertStatus]]:
        """The alerts that are not OK, in no particular order: how they stand."""
        return [(self.ids[slot], self.key(slot)[2:]) for slot in np.flatnonzero(self.level[: len(self.ids)]).tolist()]

    def not_ok(self) -> list[tuple[str, AlertStatus, Last | None]]:
        """The alerts that are not OK, by id: how they stand, and their last events."""
        slots = np.flatnonzero(self.level[: len(self.ids)]).tolist()
        found = ((self.ids[slot], self.key(slot)[2:], last(self.key(slot), self.sources[slot])) for slot in slots)
        return sorted(found, key=lambda one: one[0])

    def clear(self) -> None:
        """Forget all states, as if it were new; what was seen stays seen."""
        self.cleared = True
        self.changed.clear()
        self.carried.clear()
        self.held.clear()
        self.held_of.clear()
        self.flaps.clear()
        self.acknowledged.clear()
        self.collected = 0
        self._begin()

    def put(self, id: str, level: int, time: int, duration: int, source: bytes) -> None:
        """A state as it was saved."""
        slot = self._slot(id)
        self.level[slot], self.time[slot], self.duration[slot], self.sources[slot] = level, time, duration, source

    def _live(self, started: int, life: TaskHistory) -> None:
        """Something of a run that said `started` comes: the first of a run begins a life anew, or its count."""
        if self.anonymous:
            if self.started < life.deleted < started:
                self.clear()
            if self.started < life.began <= started:
                self.collected = 0
        self.started = max(self.started, started)
        self.deleted = False

    def _begin(self) -> None:
        self.ids: list[str] = []
        self._slots: dict[str, int] = {}
        self.level: IntArray = np.zeros(_FIRST_SIZE, dtype=np.int64)
        self.time: IntArray = np.zeros(_FIRST_SIZE, dtype=np.int64)
        self.duration: IntArray = np.zeros(_FIRST_SIZE, dtype=np.int64)
        self.sources: list[Source | bytes] = []
        self._usual: tuple[list[str], IntArray] = ([], np.zeros(0, dtype=np.int64))

    def _slots_of(self, ids: list[str]) -> IntArray:
        """The slots of a message's ids, new ones begun. A node's messages often name the same ids in the same order."""
        if ids != self._usual[0]:
            self._usual = (ids, np.array([self._slot(id) for id in ids], dtype=np.int64))
        return self._usual[1]

    def _slot(self, id: str) -> int:
        slot = self._slots.get(id)
        if slot is None:
            slot = self._slots[id] = len(self.ids)
            self.ids.append(id)
            self.sources.append(b"")
            if slot == len(self.level):
                more = np.zeros(len(self.level), dtype=np.int64)
                self.level, self.time = np.append(self.level, more), np.append(self.time, more)
                self.duration = np.append(self.duration, more)
        return slot

    def _held_back(self, message: ReceivedMessage, first: int, inhibited: Inhibited) -> Inhibited:
        """Which of the inhibited events are held back; of those before `first` nothing is said."""
        if inhibited is None:
            return None
        held = inhibited.copy()
        current: dict[int, int] = {}
        rows = zip(message.id[first:].tolist(), message.level[first:].tolist(), strict=True)
        for i, (number, level) in enumerate(rows, first):
            before = current[number] if number in current else self._stands(message.ids[number])[0]
            if before and not level:
                held[i] = False
            if not held[i]:
                current[number] = level
        return held

    def _before(
        self, message: ReceivedMessage, first: int, named: IntArray, slots: IntArray, had: int, inhibited: Inhibited
    ) -> bytes:
        """For each new event the level that its id had: in this message, else in the topic, else where it comes from.

        had: how many ids the topic had before.
        """
        current = dict(zip(named.tolist(), self.level[slots].tolist(), strict=True))
        if message.via is not None and slots[0] >= had:
            return bytes([message.via.previous])
        out = bytearray()
        new = zip(message.id[first:].tolist(), message.level[first:].tolist(), strict=True)
        for i, (id, level) in enumerate(new, first):
            if inhibited is not None and inhibited[i]:
                out.append(INHIBITED)
                continue
            out.append(current[id])
            current[id] = level
        return bytes(out)

    def _carry(self, message: ReceivedMessage, first: int, inhibited: Inhibited) -> dict[int, int]:
        """The durations of new events whose alerts go on where another node's stood, by the number of the event."""
        durations: dict[int, int] = {}
        current: dict[str, tuple[int, int]] = {}
        columns = (message.id, message.level, message.time, message.duration)
        rows = zip(*(column[first:].tolist() for column in columns), strict=True)
        for i, (number, level, time, duration) in enumerate(rows, first):
            id = message.ids[number]
            mine = message.owner, message.node, id
            began, more = self.carried.pop(mine, (0, 0))
            if began != time - duration:
                before, since = current.get(id) or self._stands(id)
                takes_up = i in message.fresh and not duration and before and since < time
                more = time - since if takes_up else 0
            if more:
                durations[i] = duration + more
                if level:
                    self.carried[mine] = time - duration, more
            if inhibited is None or not inhibited[i]:
                current[id] = level, time
        return durations

    def _stands(self, id: str) -> tuple[int, int]:
        """Level and time of the last event of an id."""
        slot = self._slots.get(id)
        return (0, 0) if slot is None else (int(self.level[slot]), int(self.time[slot]))

    def _first_new(self, message: ReceivedMessage) -> int:
        """The first event that was not seen before; all after it are new, too. Notes the last one as seen."""
        n = len(message)
        if not n:
            return 0
        if message.ends is not None:
            return 0 if self.stood(message.ids[0]) == message.ends else n
        deduplicator = self.deduplicators.get((message.owner, message.node))
        if deduplicator is None:
            deduplicator = self.deduplicators[message.owner, message.node] = Deduplicator()
        if message.via is not None and (*message.via.first, 0) <= deduplicator.point:
            return n
        return deduplicator.first_new(message.started, message.seq, message.row, message.ordinal, message.part)

    def key(self, slot: int) -> Key:
        """Topic, id, level, time and duration of a slot."""
        level, time, duration = int(self.level[slot]), int(self.time[slot]), int(self.duration[slot])
        return self.name, self.ids[slot], level, time, duration

    def _state(self, slot: int) -> EventState:
        key = self.key(slot)
        return EventState(*key[1:], *texts(key, self.sources[slot]))
