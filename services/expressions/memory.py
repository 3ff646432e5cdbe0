"""What the stateful functions of one lambda remember, by group."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray, Rows

GroupMemory = dict[str, list[Any]]
"""One group's memory: by function name, its numbers."""


class Memory:
    """Each group's memory, by the node's own dense group numbers; without groups, one memory for all."""

    def __init__(self) -> None:
        self._groups: list[GroupMemory] = []

    def of(self, group: int) -> GroupMemory:
        """One group's memory, empty at first."""
        while len(self._groups) <= group:
            self._groups.append({})
        return self._groups[group]

    def of_rows(self, n: int, group: IntArray | None) -> Sequence[GroupMemory]:
        """The memory that each of n rows works on, by its group number; None: all rows on one."""
        if group is None:
            return [self.of(0)] * n
        if n:
            self.of(int(group.max()))
        groups = self._groups
        return [groups[number] for number in group.tolist()]

    def state(self) -> dict[str, Any]:
        """By function: the groups that have called it (int64[k]) and their numbers ([k, m])."""
        names = sorted({name for memory in self._groups for name in memory})
        found: dict[str, Any] = {}
        for name in names:
            groups = [group for group, memory in enumerate(self._groups) if name in memory]
            numbers = [self._groups[group][name] for group in groups]
            found[name] = {"groups": np.array(groups, dtype=np.int64), "numbers": np.array(numbers)}
        return found

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self._groups = []
        for name, kept in state.items():
            groups, numbers = np.asarray(kept["groups"]).tolist(), np.asarray(kept["numbers"]).tolist()
            for group, values in zip(groups, numbers, strict=True):
                self.of(group)[name] = values

    def keep(self, groups: Sequence[int]) -> None:
        """Forget all groups but these; groups[i] becomes i."""
        self._groups = [self._groups[group] if group < len(self._groups) else {} for group in groups]


def take(state: Mapping[str, Any], left: Rows) -> dict[str, Any]:
    """Of what `Memory.state` gave that of some groups (ascending), renumbered 0… in that order."""
    found = {}
    for name, kept in state.items():
        groups = np.asarray(kept["groups"])
        mine = np.isin(groups, left)
        if mine.any():
            numbers = np.asarray(kept["numbers"])[mine]
            found[name] = {"groups": np.searchsorted(left, groups[mine]), "numbers": numbers}
    return found


def join(states: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> dict[str, Any]:
    """What several memories gave, of so many groups each, as one: the groups of each behind those before it."""
    found = {}
    bases = [0, *itertools.accumulate(sizes)]
    for name in sorted({name for state in states for name in state}):
        having = [(state[name], base) for state, base in zip(states, bases, strict=False) if name in state]
        groups = [np.asarray(kept["groups"], dtype=np.int64) + base for kept, base in having]
        numbers = [np.asarray(kept["numbers"]) for kept, _ in having]
        found[name] = {"groups": np.concatenate(groups), "numbers": np.concatenate(numbers)}
    return found
