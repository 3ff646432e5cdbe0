"""A list of what came held against a list of what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.rule_tests.fields import COUNT, EXACT, LISTS, NONE, ORDERED, SOME
from services.testing.matching.values import Difference, differences

_MOST_COMPARED = 4_000_000  # pairs; of longer lists only what stands in the same place


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
    """As many pairs that are the same as there can be."""
    owner: dict[int, int] = {}

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
        if i < len(pairs.got) and i not in owner and pairs.same(i, i):
            owner[i] = i
        else:
            place(i, set())
    return {i: j for j, i in owner.items()}


def _rows(pairs: _Pairs, matched: dict[int, int], some: bool, ordered: bool) -> list[Row]:
    """All of both lists. What is left of both between two pairs is taken for the same things, with differences."""
    taken = set(matched.values())
    free = [j for j in range(len(pairs.got)) if j not in taken]
    beside: dict[int, int] = {}
    for i in range(len(pairs.expected)):
        if i in matched:
            continue
        room = _room(i, matched, len(pairs.got)) if ordered else (-1, len(pairs.got))
        candidates = [j for j in free if room[0] < j < room[1]]
        if candidates:
            best = candidates[0] if ordered else min(candidates, key=lambda j: len(pairs.differences(i, j)))
            beside[i] = best
            free.remove(best)
    rows = [Row(i, j) for i, j in matched.items()]
    rows += [Row(i, j, pairs.differences(i, j), wrong=True) for i, j in beside.items()]
    rows += [Row(i, None, wrong=True) for i in range(len(pairs.expected)) if i not in matched and i not in beside]
    rows += [Row(None, j, wrong=not some) for j in free]
    return sorted(rows, key=lambda row: _place(row, matched | beside))


def _room(i: int, matched: dict[int, int], end: int) -> tuple[int, int]:
    before = [matched[k] for k in matched if k < i]
    after = [matched[k] for k in matched if k > i]
    return max(before, default=-1), min(after, default=end)


def _place(row: Row, pairs: dict[int, int]) -> tuple[float, int]:
    """By what came; what is missing stands where it was expected."""
    if row.got is not None:
        return row.got, 0
    assert row.expected is not None
    before = [j for i, j in pairs.items() if i < row.expected]
    return max(before, default=-1) + 0.5, row.expected
