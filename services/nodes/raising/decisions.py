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
from services.columns.times import elapsed
from services.nodes.raising.deciding import decided
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
        p = self._policy
        if self.flapping is not None:
            return self._one_by_one(level, time, order)
        groups = order.groups.astype(np.int64)
        by = order.order, order.starts, order.ends, groups
        return decided(level, time, *by, self.level, self.first, self.last, p.changes_only, p.pause)

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

    def _one_by_one(self, level: LevelArray, time: IntArray, order: GroupOrder) -> tuple[BoolArray, IntArray]:
        triggered, lasted = np.zeros(len(level), dtype=np.bool_), np.zeros(len(level), dtype=np.int64)
        levels, times = level.tolist(), time.tolist()
        for start, end, group in zip(order.starts.tolist(), order.ends.tolist(), order.groups.tolist(), strict=True):
            for row in order.order[start:end].tolist():
                duration = self.one(group, levels[row], times[row])
                if duration is not None:
                    triggered[row], lasted[row] = True, duration
        return triggered, lasted
