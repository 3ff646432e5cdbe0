"""Which level each point has: the conditions info, warn and crit, and their resets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray
from services.columns.frame import GroupOrder, Points
from services.columns.snapshot import State
from services.expressions import Evaluator
from services.expressions.explained import Explained, explained
from services.nodes.raising.resetting import ABSENT, FAILED, FALSE, TRUE, determined

LevelArray = NDArray[np.int8]
OK, CRITICAL = 0, 3
_NAMES = ("", "info", "warn", "crit")

Check = Callable[[int, bool], bool | None]
"""(level, whether its reset is meant) -> whether the condition holds; None: it cannot be evaluated."""


class LevelConditions:
    """The conditions of one alert node.

    A point's level is the highest whose condition holds, looked for from CRITICAL down. Below the group's present level
    it gets only if that level's reset, where there is one, holds as well. A condition that cannot be evaluated does not
    hold (and is an error); a reset that cannot be evaluated holds nobody back.
    Functions with a memory have one for the whole node, not one a group, and advance only where they are evaluated.
    """

    def __init__(
        self,
        conditions: Mapping[int, Evaluator],
        resets: Mapping[int, Evaluator],
        on_error: Callable[[str, int], None],
    ) -> None:
        """Keys are levels 1…3; a reset without its condition is not looked at."""
        self._conditions = dict(conditions)
        self._resets = {level: reset for level, reset in resets.items() if level in conditions}
        self._on_error = on_error
        every = [*self._conditions.values(), *self._resets.values()]
        self._remembers = any(e.stateful for e in every)

    def of_stream(self, points: Points, order: GroupOrder, current: LevelArray) -> LevelArray:
        """The level of every point: int8[n]. `current`: int8 by local group (order.groups), where each group stands."""
        n = len(points)
        if not self._remembers and not self._resets:
            return self._highest(points, lambda levels: _before(levels, order, current))
        stands = current.copy()
        if not self._remembers:
            return self._with_resets(points, order, stands, True)
        out = np.zeros(n, dtype=np.int8)
        group = np.empty(n, dtype=np.int64)
        group[order.order] = np.repeat(order.groups, order.ends - order.starts)
        for row, g in enumerate(group.tolist()):
            stands[g] = out[row] = self._determine(int(stands[g]), self._asking(points, row))
        return out

    def of_batch(self, points: Points, current: int) -> LevelArray:
        """The levels of one batch's points, all of them seen from the level at which the group stands."""
        if not self._remembers and not self._resets:
            return self._highest(points, lambda levels: np.full(len(points), current, dtype=np.int8))
        if not self._remembers:
            n = len(points)
            order = GroupOrder(np.arange(n), np.zeros(1, np.intp), np.full(1, n), np.zeros(1, np.int32))
            return self._with_resets(points, order, np.full(1, current, dtype=np.int8), False)
        asking = (self._asking(points, row) for row in range(len(points)))
        return np.array([self._determine(current, check) for check in asking], dtype=np.int8)

    def explain(self, point: Points, now: int) -> dict[str, Explained]:
        """All conditions and resets over one point, by the names of their properties, the highest level first."""
        found: dict[str, Explained] = {}
        for level in sorted(self._conditions, reverse=True):
            found[_NAMES[level]] = explained(self._conditions[level], point, None, now)
            if level in self._resets:
                found[f"{_NAMES[level]}Reset"] = explained(self._resets[level], point, None, now)
        return found

    def state(self) -> State:
        """The memories of the conditions."""
        return {
            "conditions": {level: e.state() for level, e in self._conditions.items()},
            "resets": {level: e.state() for level, e in self._resets.items()},
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave."""
        for evaluators, saved in ((self._conditions, state["conditions"]), (self._resets, state["resets"])):
            for level, evaluator in evaluators.items():
                evaluator.restore(saved[level])

    def _highest(self, points: Points, before: Callable[[LevelArray], LevelArray]) -> LevelArray:
        """Without resets and memories the level does not depend on where the group stands: whole columns at once.

        before: from the levels of all points to those that each point found its group at.
        """
        out = np.zeros(len(points), dtype=np.int8)
        left = np.full(len(points), True)
        failed: list[tuple[int, str, BoolArray]] = []
        for level in sorted(self._conditions, reverse=True):
            truth = self._conditions[level].truth(points)
            if truth.failed is not None and (truth.failed & left).any():
                failed.append((level, truth.reasons[0], truth.failed & left))
            hit = truth.true & left
            out[hit] = level
            left = left & ~hit
        if failed:
            # The condition of the present level is tried once more where it has failed to hold: see _determine.
            found = before(out)
            for level, reason, rows in failed:
                self._failed(level, False, reason, int(rows.sum() + (rows & (found == level)).sum()))
        return out

    def _with_resets(self, points: Points, order: GroupOrder, stands: LevelArray, follows: bool) -> LevelArray:
        """Without memories: all conditions as whole columns, then point by point (see `determined`)."""
        known = np.full((2, CRITICAL + 1, len(points)), ABSENT, dtype=np.int8)
        reasons: dict[tuple[int, int], str] = {}
        for reset, evaluators in enumerate((self._conditions, self._resets)):
            for level, evaluator in evaluators.items():
                truth = evaluator.truth(points)
                known[reset, level] = np.where(truth.true, TRUE, FALSE)
                if truth.failed is not None:
                    known[reset, level][truth.failed] = FAILED
                    reasons[reset, level] = truth.reasons[0]
        by = order.order, order.starts, order.ends, order.groups.astype(np.int64)
        levels, failed = determined(known, *by, stands, follows)
        for (reset, level), reason in reasons.items():
            self._failed(level, bool(reset), reason, int(failed[reset, level]))
        return levels

    def _asking(self, points: Points, row: int) -> Check:
        one = points.take(np.array([row]))

        def check(level: int, reset: bool) -> bool | None:
            truth = (self._resets if reset else self._conditions)[level].truth(one)
            if truth.failed is not None and truth.failed[0]:
                self._failed(level, reset, truth.reasons[0], 1)
                return None
            return bool(truth.true[0])

        return check

    def _determine(self, current: int, check: Check) -> int:
        for level in range(CRITICAL, max(current - 1, OK), -1):
            if level in self._conditions and check(level, False):
                return level
        if current in self._resets and check(current, True) is False:
            return current
        for level in range(current, OK, -1):
            if level in self._conditions and check(level, False):
                return level
        return OK

    def _failed(self, level: int, reset: bool, reason: str, count: int) -> None:
        what = "reset expression for current level" if reset else "expression for level"
        self._on_error(f"error evaluating {what} {_NAMES[level].upper()}: {reason}", count)


def _before(levels: LevelArray, order: GroupOrder, current: LevelArray) -> LevelArray:
    """For each point the level of the one before it in its group, `current` for the first: int8[n]."""
    ordered = np.empty_like(levels)
    ordered[1:] = levels[order.order[:-1]]
    ordered[order.starts] = current[order.groups]
    out = np.empty_like(levels)
    out[order.order] = ordered
    return out
