"""Groups by dense numbers of a node's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers, Frame
from services.columns.groups.portable_names import GroupNames
from services.columns.groups.series import Group, GroupArray, SeriesTable

_LEAST = 64
_NONE: IntArray = np.empty(0, dtype=np.int64)
_NO_GROUPS: GroupArray = np.empty(0, dtype=np.int32)


class LocalGroups:
    """A node's own dense numbering of the groups it has seen, so that its state can be arrays indexed by it.

    Local numbers are given by first appearance (ascending by the row that brought the group). Snapshots keep them.
    """

    def __init__(self, table: SeriesTable, grew: Callable[[int], None] | None = None) -> None:
        """grew: called with how many groups there are whenever new ones have come."""
        self._table, self._grew = table, grew
        self._local = _NONE
        self.numbers: list[int] = []
        self._numbers = _NO_GROUPS  # the same as an array, made when asked for

    def __len__(self) -> int:
        return len(self.numbers)

    def local(self, group: GroupArray) -> IntArray:
        """Local numbers for rows' (or batches') group numbers: int64[n]. New groups are appended."""
        if len(group) == 0:
            return np.empty(0, dtype=np.int64)
        top = int(group.max())
        if top >= len(self._local):
            grown = np.full(max(_LEAST, 2 * len(self._local), top + 1), -1, dtype=np.int64)
            grown[: len(self._local)] = self._local
            self._local = grown
        local = self._local[group]
        fresh = np.flatnonzero(local < 0)
        if len(fresh):
            found, first = np.unique(group[fresh], return_index=True)
            for number in found[np.argsort(first, kind="stable")].tolist():
                self._local[number] = len(self.numbers)
                self.numbers.append(number)
            local = self._local[group]
            if self._grew is not None:
                self._grew(len(self.numbers))
        return local

    def members(self, frame: Frame) -> IntArray:
        """Local numbers of the groups of `frame.by_group()`, in its order: int64[g]. New groups are appended."""
        order = frame.by_group()
        found = self.known(order.groups)
        if (found >= 0).all():
            return found
        self.local(frame.group)
        return self.known(order.groups)

    def known(self, group: GroupArray) -> IntArray:
        """Local numbers as `local` gives them, but -1 for groups not seen yet."""
        out = np.full(len(group), -1, dtype=np.int64)
        inside = group < len(self._local)
        out[inside] = self._local[group[inside]]
        return out

    def global_numbers(self, local: IntArray) -> GroupArray:
        """The table's numbers of some local ones: int32[n]."""
        return self._all()[local]

    def group(self, local: int) -> Group:
        """The group of a local number."""
        return self._table.group(self.numbers[local])

    def observe_barriers(self, barriers: Barriers) -> Rows | None:
        """Barriers make their groups known as points do. Where they end them: the local numbers of those left."""
        self.local(barriers.group)
        return self.without(barriers.group) if barriers.delete else None

    def without(self, group: GroupArray) -> Rows:
        """The local numbers of all groups but these, ascending: what to `keep` when they are deleted."""
        return np.setdiff1d(np.arange(len(self.numbers), dtype=np.intp), self.known(group))

    def keep(self, locals_: Rows) -> None:
        """Forget all groups but these (ascending local numbers); they are renumbered 0… in that order."""
        kept = [self.numbers[i] for i in locals_.tolist()]
        self._local.fill(-1)
        self.numbers = kept
        self._numbers = np.empty(0, dtype=np.int32)
        self._local[kept] = np.arange(len(kept))

    def state(self) -> GroupNames:
        """The groups by name, in local order."""
        return GroupNames(self._table, self._all())

    def restore(self, state: GroupNames) -> None:
        """Take up what `state` gave."""
        numbers = state.numbers(self._table)
        if not len(numbers) and not self.numbers:
            return  # of thousands of tasks many have seen nothing
        self.numbers, self._numbers = numbers.tolist(), numbers
        self._local = np.full(max(_LEAST, int(numbers.max(initial=0)) + 1), -1, dtype=np.int64)
        self._local[numbers] = np.arange(len(numbers))

    def _all(self) -> GroupArray:
        have = len(self._numbers)
        if have != len(self.numbers):
            more = np.array(self.numbers[have:], dtype=np.int32)
            self._numbers = np.concatenate([self._numbers, more]) if have else more
        return self._numbers
