"""Which points trigger an alert, which of them are told of, and how long the alert has lasted then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.columns.column import BoolArray, IntArray
from services.columns.frame import GroupOrder
from services.columns.groups.keyed_state import KeyedColumns, column, keyed_part
from services.columns.segments import is_first
from services.columns.times import elapsed
from services.nodes.raising.flapping import Flapping
from services.nodes.raising.levels import OK, LevelArray


@dataclass(frozen=True, slots=True)
class Policy:
    """What the script asks for. `pause`: ns after which an unchanged level is sent again, 0 never."""

    changes_only: bool
    pause: int
    recoveries: bool
    flapping: tuple[float, float] | None
    history: int


class LevelDecisions(KeyedColumns):
    """Each group's level, and since when it alerts; decides which points trigger an alert."""

    level: LevelArray = column(np.int8, OK)
    first: IntArray = column(np.int64)  # ns, time of the first event of this alert
    last: IntArray = column(np.int64)  # ns, time of the last one
    flapping: Flapping | None = keyed_part(Flapping)

    def __init__(self, policy: Policy) -> None:
        super().__init__(flapping=None if policy.flapping is None else Flapping(*policy.flapping, policy.history))
        self._policy = policy

    def begin(self, group: int, level: int, time: int) -> None:
        """Let a group begin at a level, as its topic remembers it from before."""
        self.level[group] = level
        self.first[group] = self.last[group] = time
        if self.flapping is not None:
            self.flapping.begin(group, level)

    def decide(self, level: LevelArray, time: IntArray, order: GroupOrder) -> tuple[BoolArray, IntArray]:
        """For points' levels and times: which trigger (bool[n]), and the alert's duration then (int64[n] ns).

        `order` by local group. Brings the groups' state forward. Not all that triggers is told of: see `tells`.
        """
        if self._policy.flapping is not None or (self._policy.changes_only and self._policy.pause):
            return self._one_by_one(level, time, order)
        rows = order.order
        group = np.repeat(order.groups, order.ends - order.starts).astype(np.int64)
        now = level[rows]
        before = np.empty_like(now)
        before[1:] = now[:-1]
        before[order.starts] = self.level[order.groups]
        changed = now != before
        sent = changed if self._policy.changes_only else changed | (now != OK)
        self.level[order.groups] = now[order.ends - 1]
        at = np.flatnonzero(sent)
        duration = self._durations(group[at], time[rows[at]], before[at] == OK)
        triggered, lasted = np.zeros(len(level), dtype=np.bool_), np.zeros(len(level), dtype=np.int64)
        lasted[rows[at]] = duration
        triggered[rows[at]] = True
        return triggered, lasted

    def tells(self, level: LevelArray) -> BoolArray:
        """Whether an event is raised by what triggers, by the levels it has then: bool[n]."""
        return np.ones(len(level), dtype=np.bool_) if self._policy.recoveries else level != OK

    def one(self, group: int, level: int, time: int) -> int | None:
        """One point (or batch) of a group: the alert's duration if it triggers, else None."""
        p = self._policy
        before = int(self.level[group])
        changed = before != level
        self.level[group] = level
        if self.flapping is not None:
            self.flapping.add(group, level)
        if before == OK and level != OK and not (self._flaps(group) and self.last[group]):
            # what begins while the group flaps belongs to the alert that was told of before, if there was one
            self.first[group] = time
        expired = not changed and p.pause != 0 and elapsed(time, int(self.last[group])) >= p.pause
        if self._flaps(group) or (p.changes_only and not changed and not expired):
            return None
        if level == OK and not changed:
            return None
        self.last[group] = time
        return elapsed(time, int(self.first[group]))

    def batch(self, group: int, level: int, time: int) -> int | None:
        """As `one`, for a whole batch: a recovery triggers even in a group that flaps."""
        was_ok = self.level[group] == OK
        duration = self.one(group, level, time)
        if duration is None and level == OK and not was_ok and self._flaps(group):
            self.last[group] = time
            return elapsed(time, int(self.first[group]))
        return duration

    def explain(self, group: int) -> dict[str, Any]:
        """The group's level, and since when it has one that is not OK; whether it flaps."""
        found: dict[str, Any] = {"level": LEVELS[int(self.level[group])]}
        if self.first[group]:
            found |= {
                "alert began": format_rfc3339(int(self.first[group])),
                "last event": format_rfc3339(int(self.last[group])),
            }
        return found if self.flapping is None else {**found, "flapping": self.flapping.explain(group)}

    def silence(self, before: str, after: dict[str, Any]) -> str:
        """Why no event is raised, by the name of the level before and what `explain` gave after it."""
        level, p = after.get("level", LEVELS[OK]), self._policy
        if after.get("flapping", {}).get("flaps"):
            return f"the alert flaps: it is {level} now, and nothing is told of it"
        if level == before:
            if level == LEVELS[OK]:
                return "the level was OK and stays OK"
            last = after.get("last event", "")
            pause = f", not before {format_go_duration(p.pause)} after {last}" if p.pause else ""
            return f"the level stays {level}, and stateChangesOnly tells nothing of what does not change{pause}"
        return f"the level goes from {before} to {level}, and noRecoveries tells nothing of that"

    def _flaps(self, group: int) -> bool:
        return self.flapping is not None and group in self.flapping

    def _durations(self, group: IntArray, time: IntArray, begins: BoolArray) -> IntArray:
        """For what is triggered, in group order: time since the alert began. Brings first and last forward."""
        m = len(group)
        if not m:
            return np.empty(0, dtype=np.int64)
        head = is_first(group)
        # the newest beginning up to each row; one before these rows is what the group brought along
        start = np.where(begins, np.arange(m), -1)
        start = np.maximum.accumulate(start)
        opening = np.maximum.accumulate(np.where(head, np.arange(m), 0))
        first = np.where(start >= opening, time[start], self.first[group])
        last = np.append(np.flatnonzero(head)[1:], m) - 1
        self.first[group[last]] = first[last]
        self.last[group[last]] = time[last]
        return elapsed(time, first)

    def _one_by_one(self, level: LevelArray, time: IntArray, order: GroupOrder) -> tuple[BoolArray, IntArray]:
        triggered, lasted = np.zeros(len(level), dtype=np.bool_), np.zeros(len(level), dtype=np.int64)
        levels, times = level.tolist(), time.tolist()
        for start, end, group in zip(order.starts.tolist(), order.ends.tolist(), order.groups.tolist(), strict=True):
            for row in order.order[start:end].tolist():
                duration = self.one(group, levels[row], times[row])
                if duration is not None:
                    triggered[row], lasted[row] = True, duration
        return triggered, lasted
