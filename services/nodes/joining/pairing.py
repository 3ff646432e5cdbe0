"""Putting elements of equal time and group together, and knowing when no more can come."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import numpy as np

from services.columns.column import BoolArray, IntArray, Rows
from services.columns.groups.keyed_state import KeyedColumns, column
from services.columns.groups.series import SeriesTable
from services.columns.segments import first_at_least, is_first
from services.columns.snapshot import State
from services.nodes.joining.elements import HELD, Elements, Sets, none, together

_NEVER = np.iinfo(np.int64).max
_NOTHING_YET = np.iinfo(np.int64).min


class Pairing(KeyedColumns):
    """The sets of all groups.

    In a group, the k-th element of a parent at one time belongs to the k-th set of that time. A set leaves when it is
    complete, or, where `lonely`, once every parent has gone past its time; otherwise it is forgotten then. Sets of a
    group leave in the order of their times. A barrier takes its parent to its time. Those parents that have never
    given anything of the group it takes to the time of the barrier before it: for them nobody else can tell, and so
    they have had the time between two barriers to come up with their first.

    Groups whose parents go forward in time are worked on all at once; those where a parent falls back (and those of
    barriers) one element after another, for as long as what is held of them is affected.
    """

    # by local group and parent: the time it has reached, and how many elements it has given at that time
    head: IntArray = column(np.int64, _NOTHING_YET, inner=True)
    count: IntArray = column(np.int64, inner=True)
    barred: IntArray = column(np.int64, _NOTHING_YET, inner=True)  # the time of its last barrier
    given: BoolArray = column(np.bool_, inner=True)  # whether it has ever given anything there
    fell_back: BoolArray = column(np.bool_)

    def __init__(self, parents: int, lonely: bool) -> None:
        super().__init__((parents,))
        self._parents, self.lonely = parents, lonely
        self.held = none()

    def reset(self, lonely: bool) -> None:
        """Forget all but how many groups there are."""
        groups = self._size
        Pairing.__init__(self, self._parents, lonely)
        self.reach(groups)

    def collect(self, arrived: Elements) -> Sets:
        """Take in elements in order of arrival."""
        order = np.argsort(arrived.group * self._parents + arrived.parent, kind="stable")
        lines = arrived.take(order)
        starts = np.flatnonzero(is_first(lines.group * self._parents + lines.parent))
        odd = self._odd_groups(lines, starts)
        if not odd.any():
            return self._together(lines, starts, None)
        apart = odd[lines.group]
        plain = lines.take(~apart)
        starts = np.flatnonzero(is_first(plain.group * self._parents + plain.parent))
        step_by_step = self._one_by_one(odd, lines.take(apart))
        return self._together(plain, starts, step_by_step)

    def flush(self, chosen: BoolArray | None = None) -> Sets:
        """All sets that are held, or those made of the chosen elements (bool by those held); group by group."""
        mine = np.ones(len(self.held), dtype=np.bool_) if chosen is None else chosen
        elements, self.held = self.held.take(mine), self.held.take(~mine)
        elements = elements.take(np.lexsort((elements.parent, elements.place, elements.time, elements.group)))
        members, first = _members(elements, self._parents)
        if not self.lonely:
            # a whole set may wait behind one of a late point
            whole = (members >= 0).all(axis=1)
            members, first = members[whole], first[whole]
        return Sets(elements, members, elements.time[first], np.zeros(len(members), dtype=np.int64))

    def keep(self, left: Rows) -> None:
        """As in KeyedPart. Nothing may be held of the other groups."""
        super().keep(left)
        self.held.group = np.searchsorted(left, self.held.group)

    def state(self) -> State:
        return {"held": self.held.columns(), **super().state()}

    def restore(self, state: State) -> None:
        super().restore({"given": np.asarray(state["head"]) > _NOTHING_YET, **state})
        self.held = Elements(*(np.array(a, dtype=np.int64) for a in state["held"]))

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        held = Elements(*(np.array(a, dtype=np.int64) for a in state["held"]))
        held = held.take(np.isin(held.group, left))
        held.group = np.searchsorted(left, held.group)
        return {"held": held.columns(), **super().take(state, left, table)}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        parts = []
        for state, base in zip(states, itertools.accumulate([0, *sizes]), strict=False):
            held = Elements(*(np.array(a, dtype=np.int64) for a in state["held"]))
            held.group = held.group + base
            parts.append(held)
        return {"held": together(parts).columns(), **super().join(states, sizes, table)}

    def _odd_groups(self, lines: Elements, starts: Rows) -> BoolArray:
        """The groups that have to be worked on element by element: bool by local number."""
        odd = self.fell_back.copy()
        falls = np.zeros(len(lines), dtype=np.bool_)
        falls[1:] = lines.time[1:] < lines.time[:-1]
        falls[starts] = lines.time[starts] < self.head[lines.group[starts], lines.parent[starts]]
        odd[lines.group[falls | (lines.row < 0)]] = True
        untouched = np.ones(len(odd), dtype=np.bool_)
        untouched[lines.group] = False
        odd[untouched] = False
        return odd

    def _together(self, lines: Elements, starts: Rows, others: _Walked | None) -> Sets:
        """The groups in which all parents go forward; `others`: what has been found out about the rest."""
        head, count, n = self.head, self.count, len(lines)
        before = head.copy() if self.lonely else head
        if n:
            ends = np.append(starts[1:], n)
            group, of = lines.group[starts], lines.parent[starts]
            stretch = is_first(lines.time)
            stretch[starts] = True
            begins = np.flatnonzero(stretch)
            place = np.arange(n) - np.repeat(begins, np.diff(np.append(begins, n)))
            same = lines.time[starts] == head[group, of]
            again = np.repeat(np.where(same, count[group, of], 0), ends - starts)
            segment_time = np.repeat(lines.time[starts], ends - starts)
            lines.place = place + np.where(lines.time == segment_time, again, 0)
            head[group, of] = lines.time[ends - 1]
            count[group, of] = lines.place[ends - 1] + 1
            self.given[group, of] = True
        # columns, which are few, one after another: a reduction over short rows takes ten times as long
        reached = head[:, 0]
        for parent in range(1, self._parents):
            reached = np.minimum(reached, head[:, parent])
        every = together([self.held, lines]) if len(self.held) else lines
        touched = np.zeros(len(head), dtype=np.bool_)
        touched[lines.group] = True
        ready = touched[every.group] & (every.time <= reached[every.group])
        held = [every.take(~ready)]
        some = every.take(ready)
        some = some.take(np.lexsort((some.place, some.time, some.group)))
        members, first = _members(some, self._parents)
        size = np.diff(first, append=len(some))
        last = np.maximum.reduceat(some.event, first) if len(first) else np.empty(0, dtype=np.int64)
        free = np.where(size == self._parents, last, _NEVER)
        lacking = np.flatnonzero(size < self._parents)
        if len(lacking):
            passed = some.time[first[lacking]] < reached[some.group[first[lacking]]]
            held.append(some.take(np.isin(_set_of(first, len(some)), lacking[~passed])))
            if self.lonely:
                gone = lacking[passed]
                free[gone] = self._passed_at(some.group[first[gone]], some.time[first[gone]], before, lines, starts)
        leaving = np.flatnonzero(free < _NEVER)
        time, event, members = some.time[first[leaving]], free[leaving], members[leaving]
        self.held = together([h for h in held if len(h)] or [none()])
        self.held.event = np.full(len(self.held), HELD, dtype=np.int64)
        elements = some
        if others is not None:
            self.held = together([self.held, others.held])
            members = np.concatenate([members, np.where(others.members >= 0, others.members + len(some), -1)])
            time, event = np.concatenate([time, others.time]), np.concatenate([event, others.event])
            elements = together([some, others.elements])
        order = np.argsort(event, kind="stable")
        return Sets(elements, members[order], time[order], event[order])

    def _passed_at(self, group: IntArray, time: IntArray, before: IntArray, lines: Elements, starts: Rows) -> IntArray:
        """The arrival by which all parents are past a time in a group, for groups where that has happened."""
        at = np.full(len(group), HELD, dtype=np.int64)
        table = np.full(before.shape, -1, dtype=np.int64)
        table[lines.group[starts], lines.parent[starts]] = np.arange(len(starts))
        bounds = np.append(starts, len(lines))
        for parent in range(self._parents):
            later = np.flatnonzero(before[group, parent] <= time)
            line = table[group[later], parent]
            row = first_at_least(lines.time, bounds[line], bounds[line + 1], time[later], above=True)
            at[later] = np.maximum(at[later], lines.event[row])
        return at

    def _one_by_one(self, odd: BoolArray, lines: Elements) -> _Walked:
        """The odd groups, each element by itself; takes their elements out of what is held."""
        mine = odd[self.held.group]
        held, self.held = self.held.take(mine), self.held.take(~mine)
        elements = together([held, lines])
        order = np.lexsort((elements.event, elements.place, elements.time, elements.group))
        arrived = order[elements.event[order] != HELD]
        arrived = arrived[np.lexsort((elements.event[arrived], elements.group[arrived]))]
        had = order[elements.event[order] == HELD]
        walks = {g: _Walk(self._parents, self.lonely) for g in np.unique(elements.group).tolist()}
        for e, g, p, t in zip(*_lists(elements, had), strict=True):
            walks[g].hold(e, p, t, int(elements.place[e]))
        for g, walk in walks.items():
            walk.head, walk.given, walk.barred = (a[g].tolist() for a in (self.head, self.given, self.barred))
        for e, g, p, t in zip(*_lists(elements, arrived), strict=True):
            walks[g].step(int(elements.event[e]), -1 if elements.row[e] < 0 else e, p, t)
        out: list[tuple[int, int, list[int]]] = []
        left: list[int] = []
        for g, walk in walks.items():
            self.head[g], self.given[g], self.barred[g] = walk.head, walk.given, walk.barred
            self.fell_back[g], self.count[g] = walk.settle()
            out += walk.out
            for sets in walk.sets.values():
                for place, members in enumerate(sets):
                    for e in members:
                        if e >= 0:
                            elements.place[e] = place
                            left.append(e)
        kept = elements.take(np.array(sorted(left), dtype=np.intp))
        kept.event = np.full(len(kept), HELD, dtype=np.int64)
        return _Walked(
            elements,
            np.array([m for _, _, m in out], dtype=np.int64).reshape(len(out), self._parents),
            np.array([t for _, t, _ in out], dtype=np.int64),
            np.array([e for e, _, _ in out], dtype=np.int64),
            kept,
        )


def _lists(elements: Elements, rows: Rows) -> tuple[list[int], list[int], list[int], list[int]]:
    chosen = elements.take(rows)
    return rows.tolist(), chosen.group.tolist(), chosen.parent.tolist(), chosen.time.tolist()


def _members(ordered: Elements, parents: int) -> tuple[IntArray, Rows]:
    """Of elements ordered by group, time and place: the members of each set, and where each set begins."""
    n = len(ordered)
    new = is_first(ordered.time) | is_first(ordered.group) | is_first(ordered.place)
    first = np.flatnonzero(new)
    members = np.full((len(first), parents), -1, dtype=np.int64)
    members[np.cumsum(new) - 1, ordered.parent] = np.arange(n)
    return members, first


def _set_of(first: Rows, n: int) -> IntArray:
    return np.repeat(np.arange(len(first)), np.diff(np.append(first, n)))


class _Walked(Sets):
    """What came of going through groups element by element."""

    def __init__(self, elements: Elements, members: IntArray, time: IntArray, event: IntArray, held: Elements) -> None:
        super().__init__(elements, members, time, event)
        self.held = held


class _Walk:
    """One group, element by element."""

    def __init__(self, parents: int, lonely: bool) -> None:
        self._parents, self.lonely = parents, lonely
        self.head: list[int] = []
        self.given: list[bool] = []
        self.barred: list[int] = []
        self.sets: dict[int, list[list[int]]] = {}
        self._times: list[int] = []  # a heap of the keys of `sets`
        self.out: list[tuple[int, int, list[int]]] = []

    def hold(self, element: int, parent: int, time: int, place: int) -> None:
        """An element that was held, in order of place: the sets of its time may begin with a later one than 0."""
        sets = self._sets(time)
        if not sets or sets[-1][self._parents] != place:
            sets.append([-1] * self._parents + [place])
        sets[-1][parent] = element

    def step(self, event: int, element: int, parent: int, time: int) -> None:
        """An element (-1: a barrier) of a parent comes."""
        if element >= 0:
            sets = self._sets(time)
            free = next((s for s in sets if s[parent] < 0), None)
            if free is None:
                free = [-1] * (self._parents + 1)
                sets.append(free)
            free[parent] = element
        self.head[parent], self.given[parent] = time, True
        if element < 0:
            before, self.barred[parent] = self.barred[parent], time
            self.head = [h if g else max(h, before) for h, g in zip(self.head, self.given, strict=True)]
        while self._times:
            oldest = self._times[0]
            passed = all(t > oldest for t in self.head)
            sets = self.sets[oldest]
            while sets and (passed or min(sets[0][: self._parents]) >= 0):
                members = sets.pop(0)[: self._parents]
                if self.lonely or min(members) >= 0:
                    self.out.append((event, oldest, members))
            if not sets:
                del self.sets[oldest]
                heapq.heappop(self._times)
            if not passed:
                break

    def settle(self) -> tuple[bool, list[int]]:
        """Whether what is held does not fit together with counting places, and what each parent has counted."""
        self.sets = {t: [s[: self._parents] for s in sets] for t, sets in self.sets.items()}
        odd = any(min(s) >= 0 for sets in self.sets.values() for s in sets)
        counts = []
        for parent, head in enumerate(self.head):
            taken = [s[parent] >= 0 for s in self.sets.get(head, ())]
            counts.append(sum(taken))
            odd = odd or sorted(taken, reverse=True) != taken
            odd = odd or any(t > head and any(s[parent] >= 0 for s in sets) for t, sets in self.sets.items())
        return odd, counts

    def _sets(self, time: int) -> list[list[int]]:
        sets = self.sets.get(time)
        if sets is None:
            sets = self.sets[time] = []
            heapq.heappush(self._times, time)
        return sets
