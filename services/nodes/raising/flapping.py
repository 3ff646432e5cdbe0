"""Which groups flap: the changes among their last levels, weighed, against two thresholds."""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.alertlog.info import LEVELS
from services.columns.column import Rows
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import SeriesTable
from services.nodes.raising.levels import OK

_LAST_WEIGHT = 1.2  # in the sum, of the change that is weighed last …
_FIRST_WEIGHT = 0.8  # … and first; shares can be just at a threshold, so every bit counts
_MOST_EXACT = 1024  # of longer histories the changes are not added one by one, at each point anew


@dataclass(slots=True)
class _Levels:
    """A group's last levels, of the points 0 … last, as runs of equal ones: (first point, level), oldest first.

    Before point 0 it was OK. changed_at: the first points of all runs but the oldest, added up.
    """

    last: int
    runs: deque[tuple[int, int]]
    changed_at: int


class Flapping(KeyedPart):
    """What each group's levels were. It keeps changes, not levels: a long history costs nothing where little happens.

    The history counts as full of OK from the beginning, as the reference has it.
    """

    def __init__(self, low: float, high: float, size: int, most_exact: int = _MOST_EXACT) -> None:
        """A group flaps once its share of changes is over `high`, until it is below `low`. size: of the history.

        most_exact: up to which size the share is the reference's to the last bit.
        """
        self._low, self._high, self._size, self._exact = low, high, size, size <= most_exact
        self._step = (_LAST_WEIGHT - _FIRST_WEIGHT) / (size - 1)
        self._levels: dict[int, _Levels] = {}
        self._flapping: set[int] = set()

    def __contains__(self, group: int) -> bool:
        """Whether a group flaps."""
        return group in self._flapping

    def begin(self, group: int, level: int) -> None:
        """Let a group begin with one level behind it."""
        runs = deque([(-self._size, OK)])
        if level != OK:
            runs.append((0, level))
        self._levels[group] = _Levels(0, runs, 0)

    def add(self, group: int, level: int) -> None:
        """A point of a group has this level."""
        if group not in self._levels:
            self.begin(group, OK)
        levels = self._levels[group]
        levels.last += 1
        runs = levels.runs
        if runs[-1][1] != level:
            runs.append((levels.last, level))
            levels.changed_at += levels.last
        oldest = levels.last - self._size + 1
        while len(runs) > 1 and runs[1][0] <= oldest:
            runs.popleft()
            levels.changed_at -= runs[0][0]
        share = self._share(levels)
        if group in self._flapping:
            if share < self._low:
                self._flapping.discard(group)
        elif share > self._high:
            self._flapping.add(group)

    def keep(self, left: Rows) -> None:
        renumbered = list(enumerate(left.tolist()))
        self._levels = {new: self._levels[old] for new, old in renumbered if old in self._levels}
        self._flapping = {new for new, old in renumbered if old in self._flapping}

    def explain(self, group: int) -> dict[str, Any]:
        levels = self._levels.get(group)
        if levels is None:
            return {}
        share, bounds = self._share(levels), {"low": self._low, "high": self._high}
        changes = [LEVELS[level] for _, level in levels.runs]
        return {"flaps": group in self._flapping, "share": share, **bounds, "last levels": changes}

    def state(self) -> dict[str, Any]:
        levels = {group: [one.last, [list(run) for run in one.runs]] for group, one in self._levels.items()}
        return {"levels": levels, "flapping": sorted(self._flapping)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._levels = {
            group: _Levels(last, deque((at, level) for at, level in runs), sum(at for at, _ in runs[1:]))
            for group, (last, runs) in state["levels"].items()
        }
        self._flapping = set(state["flapping"])

    @classmethod
    def take(cls, state: Mapping[str, Any], left: Rows, table: SeriesTable) -> dict[str, Any]:
        new = {old: i for i, old in enumerate(left.tolist())}
        levels = {new[group]: one for group, one in state["levels"].items() if group in new}
        return {"levels": levels, "flapping": [new[group] for group in state["flapping"] if group in new]}

    @classmethod
    def join(cls, states: Sequence[Mapping[str, Any]], sizes: Sequence[int], table: SeriesTable) -> dict[str, Any]:
        bases = [0, *itertools.accumulate(sizes)]
        levels: dict[int, Any] = {}
        flapping: list[int] = []
        for state, base in zip(states, bases, strict=False):
            levels |= {group + base: one for group, one in state["levels"].items()}
            flapping += [group + base for group in state["flapping"]]
        return {"levels": levels, "flapping": flapping}

    def _share(self, levels: _Levels) -> float:
        """The weighed share of changes, added up in the reference's order: the newest change first.

        After it comes whether the newest level differs from the oldest, then the other changes, oldest first; that of
        the last level but one is not among them.
        """
        size, runs, step = self._size, levels.runs, self._step
        changes = 0.0
        if len(runs) > 1 and runs[-1][0] == levels.last:
            changes += _FIRST_WEIGHT
        if size > 2 and runs[0][1] != runs[-1][1]:
            changes += _FIRST_WEIGHT + step
        begin = levels.last - size + 1
        if not self._exact:
            left = [runs[-k][0] for k in (1, 2) if len(runs) > k and runs[-k][0] >= levels.last - 1]
            count, at_all = len(runs) - 1 - len(left), levels.changed_at - sum(left)
            return (changes + count * (_FIRST_WEIGHT + (1 - begin) * step) + at_all * step) / (size - 1)
        weights = _weights(size)
        for at, _ in runs:
            if 1 <= at - begin <= size - 3:
                changes += weights[at - begin + 1]
        return changes / (size - 1)


@functools.lru_cache(maxsize=64)
def _weights(size: int) -> list[float]:
    """The weights, each the one before it and a step, as the reference adds them up."""
    terms = np.full(size - 1, (_LAST_WEIGHT - _FIRST_WEIGHT) / (size - 1))
    terms[0] = _FIRST_WEIGHT
    weights: list[float] = np.add.accumulate(terms).tolist()
    return weights
