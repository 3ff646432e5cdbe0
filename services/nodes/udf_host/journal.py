"""What a function has been sent, as far as its last snapshot does not hold it, and what of that has been answered.

Snapshot and journal together are all that is needed to go on in another process: the function is restored and sent
the journal again, and of what it then answers only what was not answered before counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.columns.snapshot import State


@dataclass(eq=False, slots=True)
class JournalEntry:
    """One step's input. `open`: how many of its fences have not been passed in the present run of the function."""

    data: bytes
    origins: list[int]  # of what stands before each fence
    about: Any  # plain data that its answer is made with
    answered: bool = False
    open: int = 0
    most: int = 0  # how many were passed in the run that came furthest
    points: list[Any] = field(default_factory=list)  # what came back, with `of` for the origin of each
    of: list[int] = field(default_factory=list)

    @property
    def origin(self) -> int:
        """The origin of what comes next."""
        return self.origins[len(self.origins) - self.open]


class Journal:
    """Entries in the order in which they were sent."""

    def __init__(self) -> None:
        self.snapshot = b""
        self._entries: list[JournalEntry] = []
        self._under_way: deque[JournalEntry] = deque()  # sent in this run, with fences that have not been passed
        self._unanswered: deque[JournalEntry] = deque()
        self._covered: int | None = None  # how many entries the snapshot that was asked for will hold
        self.size = 0
        """Bytes since the last snapshot."""
        self.pending_bytes = 0
        """Bytes without an answer."""

    def add(self, data: bytes, origins: Sequence[int], about: Any) -> JournalEntry:
        """Something is sent."""
        entry = JournalEntry(data, list(origins), about, open=len(origins))
        self._entries.append(entry)
        self._unanswered.append(entry)
        self.size += len(data)
        self.pending_bytes += len(data)
        if entry.open:
            self._under_way.append(entry)
        return entry

    def again(self) -> list[JournalEntry]:
        """A new run of the function: what it is to be sent once it has the snapshot."""
        self._covered = None
        self._under_way.clear()
        for entry in self._entries:
            entry.open = len(entry.origins)
            entry.points, entry.of = [], []
            if entry.open:
                self._under_way.append(entry)
        return self._entries

    @property
    def current(self) -> JournalEntry | None:
        """The entry that what comes now answers; None: it answers nothing that was sent."""
        return self._under_way[0] if self._under_way else None

    def received(self, point: Any) -> bool:
        """Something came back; whether it answers anything that was sent."""
        entry = self.current
        if entry is None:
            return False
        if not entry.answered:
            entry.points.append(point)
            entry.of.append(entry.origin)
        return True

    def passed(self, entry: JournalEntry) -> bool:
        """A fence of an entry has been passed; whether the function has come further than ever before."""
        entry.open -= 1
        while self._under_way and not self._under_way[0].open:
            self._under_way.popleft()
        passed = len(entry.origins) - entry.open
        further = passed > entry.most
        entry.most = max(entry.most, passed)
        return further

    def answered(self) -> JournalEntry | None:
        """The oldest entry without an answer, if it has one by now; it is then answered."""
        if not self._unanswered or self._unanswered[0].open:
            return None
        entry = self._unanswered.popleft()
        entry.answered = True
        self.pending_bytes -= len(entry.data)
        return entry

    def release(self, entry: JournalEntry) -> None:
        """What came back for an entry is not needed any more."""
        entry.points, entry.of = [], []

    def ask(self) -> bool:
        """Whether a snapshot should be asked for, after all that has been sent so far: then it counts as asked for."""
        if not self._entries or self._covered is not None:
            return False
        self._covered = len(self._entries)
        return True

    def keep(self, snapshot: bytes) -> bool:
        """The snapshot that was asked for has come; whether one was."""
        if self._covered is None:
            return False
        self.snapshot = snapshot
        self.size -= sum(len(e.data) for e in self._entries[: self._covered])
        del self._entries[: self._covered]
        self._covered = None
        return True

    def state(self) -> State:
        """Plain data."""
        return {
            "snapshot": self.snapshot,
            "entries": [[e.data, e.origins, e.about, e.answered] for e in self._entries],
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave. `again` then tells what to send."""
        self.snapshot = bytes(state["snapshot"])
        self._entries = [JournalEntry(bytes(d), list(c), about, answered) for d, c, about, answered in state["entries"]]
        self._unanswered = deque(e for e in self._entries if not e.answered)
        self.size = sum(len(e.data) for e in self._entries)
        self.pending_bytes = sum(len(e.data) for e in self._unanswered)
