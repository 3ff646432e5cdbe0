"""Which points trigger an alert, which of them are told of, and how long the alert has lasted then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.engine.alerts.levels import OK, LevelArray
from services.engine.column import BoolArray, IntArray, Rows
from services.engine.frame import GroupOrder
from services.engine.node import State
from services.engine.segments import grown, is_first
from services.engine.times import elapsed

_LAST_WEIGHT = 1.2  # in the flapping sum, of the change that is weighed last …
_FIRST_WEIGHT = 0.8  # … and first; shares can be just at a threshold, so every bit counts


@dataclass(frozen=True, slots=True)
class Policy:
    """What the script asks for. `pause`: ns after which an unchanged level is sent again, 0 never."""

    changes_only: bool
    pause: int
    recoveries: bool
    flapping: tuple[float, float] | None
    history: int


class Decisions:
    """Each group's level, and since when it alerts; decides which points trigger an alert.

    level: int8, first and last: int64 ns (time of the first and the last event of this alert), all by local group.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.level: LevelArray = np.zeros(0, dtype=np.int8)
        self._first: IntArray = np.zeros(0, dtype=np.int64)
        self._last: IntArray = np.zeros(0, dtype=np.int64)
        self._history: dict[int, list[int]] = {}
        self._flapping: set[int] = set()

    def reach(self, size: int) -> None:
        """Make room for local groups up to `size`; a new one stands at OK."""
        self.level = grown(self.level, size)
        self._first, self._last = grown(self._first, size), grown(self._last, size)

    def begin(self, group: int, level: int, time: int) -> None:
        """Let a group begin at a level, as its topic remembers it from before."""
        self.level[group] = level
        self._first[group] = self._last[group] = time
        self._history[group] = [OK] * (self._policy.history - 1) + [level]

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
        if before == OK and level != OK:
            # also where nobody is told because the group flaps: what is told later has lasted since then
            self._first[group] = time
        if p.flapping is not None:
            self._flap(group, level)
        expired = not changed and p.pause != 0 and elapsed(time, int(self._last[group])) >= p.pause
        if group in self._flapping or (p.changes_only and not changed and not expired):
            return None
        if level == OK and not changed:
            return None
        self._last[group] = time
        return elapsed(time, int(self._first[group]))

    def batch(self, group: int, level: int, time: int) -> int | None:
        """As `one`, for a whole batch: a recovery triggers even in a group that flaps."""
        was_ok = self.level[group] == OK
        duration = self.one(group, level, time)
        if duration is None and level == OK and not was_ok and group in self._flapping:
            self._last[group] = time
            return elapsed(time, int(self._first[group]))
        return duration

    def keep(self, left: Rows) -> None:
        """Keep only these groups, renumbered in that order."""
        self.level, self._first, self._last = self.level[left], self._first[left], self._last[left]
        self._history = {new: self._history[old] for new, old in enumerate(left.tolist()) if old in self._history}
        self._flapping = {new for new, old in enumerate(left.tolist()) if old in self._flapping}

    def state(self, size: int) -> State:
        """All of it, for `size` groups."""
        self.reach(size)
        return {
            "level": self.level[:size],
            "first": self._first[:size],
            "last": self._last[:size],
            "history": self._history,
            "flapping": sorted(self._flapping),
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave."""
        self.level = np.array(state["level"], dtype=np.int8)
        self._first = np.array(state["first"], dtype=np.int64)
        self._last = np.array(state["last"], dtype=np.int64)
        self._history = {group: list(levels) for group, levels in state["history"].items()}
        self._flapping = set(state["flapping"])

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
        first = np.where(start >= opening, time[start], self._first[group])
        last = np.append(np.flatnonzero(head)[1:], m) - 1
        self._first[group[last]] = first[last]
        self._last[group[last]] = time[last]
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

    def _flap(self, group: int, level: int) -> None:
        """Weigh the changes among a group's last levels, the newest most, against the two thresholds."""
        assert self._policy.flapping is not None
        low, high = self._policy.flapping
        size = self._policy.history
        history = self._history.setdefault(group, [OK] * size)
        history.append(level)
        del history[0]
        weight = _FIRST_WEIGHT
        step = (_LAST_WEIGHT - weight) / (size - 1)
        # the ring is walked from the newest entry on, which compares the newest with the one before it first
        ring = [history[-1], *history[:-1]]
        changes = 0.0
        for i in range(size - 1):
            if ring[i] != ring[i - 1]:
                changes += weight
            weight += step
        share = changes / (size - 1)
        if group in self._flapping:
            if share < low:
                self._flapping.discard(group)
        elif share > high:
            self._flapping.add(group)
