"""A list of what came held against a list of what was expected."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from schemas.rule_tests.fields import COUNT, EXACT, LISTS, NONE, ORDERED, SOME
from services.testing.matching.values import Difference, differences

_MOST_COMPARED = 400_000  # pairs; of longer lists only what stands in the same place
_MOST_REARRANGED = 300  # expected in any order, for which others may give up what they have taken
_MOST_MEASURED = 10_000  # pairs whose differences are counted


@dataclass(frozen=True, slots=True)
class Row:
    """One thing: expected, come, or both. expected, got: its number in either list, None where it is not there.

    differences: what is wrong with it where it is in both. wrong: whether the list is not as expected because of it.
    """

    expected: int | None
    got: int | None
    differences: tuple[Difference, ...] = ()
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class ListComparison:
    """mode: how the lists were compared. path: from the value in the file to its list. count: (expected, came)."""

    mode: str
    path: tuple[str, ...]
    rows: tuple[Row, ...]
    count: tuple[int, int] | None = None

    @property
    def same(self) -> bool:
        """Whether what came is as expected."""
        return not any(row.wrong for row in self.rows) and (self.count is None or self.count[0] == self.count[1])


def compare_lists(expected: Any, got: Sequence[Any], start: int) -> ListComparison:
    """What came of one kind, held against what schemas.rule_tests.fields.Items has. start: as of `differences`."""
    mode, path, items, count = _read(expected)
    counts = None if count is None else (count, len(got))
    if items is None:
        return ListComparison(COUNT, path, (), counts)
    exactly = mode == EXACT
    pairs = _Pairs(items, got, start, exactly)
    matched = _in_order(pairs) if mode in (ORDERED, EXACT) else _in_any_order(pairs)
    rows = _rows(pairs, matched, mode == SOME, mode in (ORDERED, EXACT))
    return ListComparison(mode, path, tuple(rows), counts)


def _read(expected: Any) -> tuple[str, tuple[str, ...], list[Any] | None, int | None]:
    if expected == NONE:
        return ORDERED, (), [], None
    if isinstance(expected, list):
        return ORDERED, (), expected, None
    mode = next((key for key in expected if key in LISTS), None)
    if mode is None:
        return COUNT, (), None, expected[COUNT]
    return mode, (mode,), expected[mode], expected.get(COUNT)


class _Pairs:
    """Which of what was expected is which of what came."""

    def __init__(self, expected: Sequence[Any], got: Sequence[Any], start: int, exactly: bool) -> None:
        self.expected, self.got = expected, got
        self._start, self._exactly = start, exactly
        self._known: dict[tuple[int, int], bool] = {}

    def same(self, i: int, j: int) -> bool:
        key = i, j
        if key not in self._known:
            found = differences(self.expected[i], self.got[j], self._start, self._exactly)
            self._known[key] = next(iter(found), None) is None
        return self._known[key]

    def differences(self, i: int, j: int) -> tuple[Difference, ...]:
        return tuple(differences(self.expected[i], self.got[j], self._start, self._exactly))


def _in_order(pairs: _Pairs) -> dict[int, int]:
    """The longest run of pairs that are the same, in the order of both lists."""
    n, m = len(pairs.expected), len(pairs.got)
    head = 0
    while head < min(n, m) and pairs.same(head, head):
        head += 1
    tail = 0
    while tail < min(n, m) - head and pairs.same(n - 1 - tail, m - 1 - tail):
        tail += 1
    matched = {i: i for i in range(head)} | {n - 1 - i: m - 1 - i for i in range(tail)}
    rows, columns = n - head - tail, m - head - tail
    if rows * columns > _MOST_COMPARED:
        return matched | {head + i: head + i for i in range(min(rows, columns)) if pairs.same(head + i, head + i)}
    longest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            if pairs.same(head + i, head + j):
                longest[i][j] = longest[i + 1][j + 1] + 1
            else:
                longest[i][j] = max(longest[i + 1][j], longest[i][j + 1])
    i = j = 0
    while i < rows and j < columns:
        if pairs.same(head + i, head + j) and longest[i][j] == longest[i + 1][j + 1] + 1:
            matched[head + i] = head + j
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return matched


def _in_any_order(pairs: _Pairs) -> dict[int, int]:
    """As many pairs that are the same as there can be; in long lists each takes the first that is left and near."""
    owner: dict[int, int] = {}
    free = dict.fromkeys(range(len(pairs.got)))
    looks = _MOST_COMPARED // max(len(pairs.expected), 1) + 1

    def place(i: int, tried: set[int]) -> bool:
        for j in range(len(pairs.got)):
            if j in tried or not pairs.same(i, j):
                continue
            tried.add(j)
            if j not in owner or place(owner[j], tried):
                owner[j] = i
                return True
        return False

    for i in range(len(pairs.expected)):
        if len(pairs.expected) <= _MOST_REARRANGED:
            place(i, set())
        elif (j := next((j for j in islice(free, looks) if pairs.same(i, j)), None)) is not None:
            owner[j] = i
            del free[j]
    return {i: j for j, i in owner.items()}


def _rows(pairs: _Pairs, matched: dict[int, int], some: bool, ordered: bool) -> list[Row]:
    """All of both lists. What is left of both between two pairs is taken for the same things, with differences."""
    taken = set(matched.values())
    free = [j for j in range(len(pairs.got)) if j not in taken]
    left = [i for i in range(len(pairs.expected)) if i not in matched]
    beside = _in_gaps(matched, left, free, len(pairs.got)) if ordered else _nearest(pairs, left, free)
    free = [j for j in free if j not in set(beside.values())] if beside else free
    together = matched | beside
    rows = [Row(i, j) for i, j in matched.items()]
    rows += [Row(i, j, pairs.differences(i, j), wrong=True) for i, j in beside.items()]
    rows += [Row(i, None, wrong=True) for i in left if i not in beside]
    rows += [Row(None, j, wrong=not some) for j in free]
    numbers = sorted(together)

    def place(row: Row) -> tuple[float, int]:
        """By what came; what is missing stands behind what was expected before it."""
        if row.got is not None:
            return row.got, 0
        assert row.expected is not None
        before = bisect_left(numbers, row.expected)
        return (together[numbers[before - 1]] if before else -1) + 0.5, row.expected

    return sorted(rows, key=place)


def _in_gaps(matched: dict[int, int], left: Sequence[int], free: Sequence[int], end: int) -> dict[int, int]:
    """What is left of both lists between the same two pairs, in order."""
    numbers, beside, room = sorted(matched), dict[int, int](), list(free)
    for i in left:
        at = bisect_left(numbers, i)
        lowest = matched[numbers[at - 1]] if at else -1
        highest = matched[numbers[at]] if at < len(numbers) else end
        first = bisect_left(room, lowest)
        if first < len(room) and room[first] < highest:
            beside[i] = room.pop(first)
    return beside


def _nearest(pairs: _Pairs, left: Sequence[int], free: Sequence[int]) -> dict[int, int]:
    """Of what is left of both lists what differs least; in long lists what comes next."""
    beside, room = dict[int, int](), list(free)
    few = len(left) * len(free) <= _MOST_MEASURED
    for i in left:
        if room:
            best = min(room, key=partial(_count, pairs, i)) if few else room[0]
            room.remove(best)
            beside[i] = best
    return beside


def _count(pairs: _Pairs, i: int, j: int) -> int:
    return len(pairs.differences(i, j))
