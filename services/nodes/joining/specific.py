"""join.on(): points of finer groups meet points of the coarser groups that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.columns.column import IntArray
from services.columns.groups.series import Dimensions, Group, SeriesTable
from services.nodes.joining.elements import Elements

_NOTHING_YET = np.iinfo(np.int64).min
_WAITING_AT_MOST = 10_000  # in each group that is joined on, for points of the other kind that may never come


@dataclass(frozen=True, slots=True)
class Given:
    """One point (or batch) of a parent: rounded time, where it stands among the parent's, group and dimensions."""

    parent: int
    time: int
    row: int
    group: int
    dimensions: int

    def at(self, row: int) -> Given:
        """The same, standing elsewhere."""
        return Given(self.parent, self.time, row, self.group, self.dimensions)

    def of(self, group: int, dimensions: int) -> Given:
        """The same, of another group."""
        return Given(self.parent, self.time, self.row, group, dimensions)


@dataclass(slots=True)
class _Meeting:
    """What waits in one of the groups that are joined on."""

    marks: dict[int, int] = field(default_factory=dict)  # by parent: the time of its newest
    coarse: list[Given] = field(default_factory=list)
    fine: list[Given] = field(default_factory=list)
    groups: dict[int, int] = field(default_factory=dict)  # the finer groups that belong here, with their dimensions


class Matching:
    """Holds points of finer groups until the coarser one of their time comes, and the coarser ones for the finer.

    A finer point goes to its own group together with the coarser one, which is there taken for one of that group; it
    goes alone once every parent has gone past its time. Coarser points alone go nowhere. Where ten thousand of either
    kind wait in a group, the oldest waits no longer.

    A barrier of a coarser group goes to all finer groups of it. By it, and by one of the finer group, a finer point
    goes alone where all other parents are past its time. Those that have never given anything of the coarser group a
    finer group's barrier takes to the time of the one before it.
    """

    def __init__(self, parents: int, on: tuple[str, ...], table: SeriesTable) -> None:
        self._parents, self._on, self._table = parents, on, table
        self.given_up = 0  # how many coarser points have been let go of because too many waited
        self._meetings: dict[Group, _Meeting] = {}
        self._reported: set[int] = set()
        self._barred: dict[tuple[int, int], int] = {}  # by finer group and parent: the latest barrier
        self._known: dict[tuple[int, int], tuple[Group, bool]] = {}
        table.memos.add(self)

    def forget_numbers(self) -> None:
        self._known = {}

    def spread(
        self, arrived: Elements, numbers: IntArray, dimensions: Callable[[int], Dimensions]
    ) -> tuple[Elements, IntArray]:
        """What goes to which group, in order, as elements whose events are its numbers 0…n-1, barriers among them.

        numbers: the group number of each element of `arrived`; those that come out have such for groups too. Also
        gives, by the new events, those of `arrived`.
        """
        out: list[tuple[int, int, int, int, int, int]] = []
        columns = (arrived.parent, arrived.time, arrived.row, numbers, arrived.dimensions, arrived.event)
        for parent, time, row, group, by, event in zip(*(c.tolist() for c in columns), strict=True):
            one = Given(parent, time, row, group, by)
            going = self._meet(one, dimensions) if row >= 0 else self._bar(one, dimensions)
            for given, to in (*going, *self._passed(going)):
                out.append((given.parent, to.group, given.time, given.row, to.dimensions, event))
        table = np.array(out, dtype=np.int64).reshape(len(out), 6)
        parents, groups, times, rows, by_what, events = (np.ascontiguousarray(table[:, i]) for i in range(6))
        place = np.zeros(len(out), dtype=np.int64)
        return Elements(parents, groups, times, place, rows, by_what, np.arange(len(out))), events

    def held(self) -> list[Given]:
        """All that waits."""
        return [g for m in self._meetings.values() for g in (*m.coarse, *m.fine)]

    def moved(self, rows: list[dict[int, int]]) -> None:
        """Where what waits stands now: for each parent, from old row to new."""
        for m in self._meetings.values():
            m.coarse = [g.at(rows[g.parent][g.row]) for g in m.coarse]
            m.fine = [g.at(rows[g.parent][g.row]) for g in m.fine]

    def forget(self, group: int, dimensions: Dimensions, by: int) -> list[Given]:
        """A group has ended: what waits of it. Of a finer group that is still to be joined alone."""
        key, fine = self._key(group, dimensions, by)
        self._known = {k: v for k, v in self._known.items() if k[0] != group}
        self._barred = {k: v for k, v in self._barred.items() if k[0] != group}
        meeting = self._meetings.get(key)
        if meeting is None:
            return []
        if not fine:
            meeting.coarse = []
            if not meeting.fine:
                del self._meetings[key]
            return []
        meeting.groups.pop(group, None)
        mine = [g for g in meeting.fine if g.group == group]
        meeting.fine = [g for g in meeting.fine if g.group != group]
        if not meeting.groups and not meeting.fine and not meeting.coarse:
            del self._meetings[key]
        return mine

    def state(self, local: Callable[[int], int]) -> dict[str, Any]:
        """All that waits; `local` gives a number for a group that outlives the process."""

        def plain(g: Given) -> list[int]:
            return [g.parent, g.time, g.row, local(g.group), g.dimensions]

        meetings = []
        for key, m in self._meetings.items():
            name = [list(map(list, key.tags)), key.name, key.by_name]
            groups = [[local(group), by] for group, by in m.groups.items()]
            meetings.append([name, m.marks, [plain(g) for g in m.coarse], [plain(g) for g in m.fine], groups])
        barred = [[local(group), parent, time] for (group, parent), time in self._barred.items()]
        return {"meetings": meetings, "reported": sorted(self._reported), "barred": barred}

    def restore(self, state: dict[str, Any], numbers: list[int]) -> None:
        """Take up what `state` gave; `numbers`: group numbers by what `local` gave."""

        def given(plain: list[int]) -> Given:
            parent, time, row, group, dimensions = plain
            return Given(parent, time, row, numbers[group], dimensions)

        self._reported = set(state["reported"])
        self._barred = {(numbers[group], parent): time for group, parent, time in state.get("barred", ())}
        for (tags, name, by_name), marks, coarse, fine, *more in state["meetings"]:
            key = Group(tuple((k, v) for k, v in tags), name, by_name)
            groups = {numbers[group]: by for group, by in more[0]} if more else {}
            self._meetings[key] = _Meeting(dict(marks), [given(p) for p in coarse], [given(p) for p in fine], groups)

    def _meet(self, p: Given, dimensions: Callable[[int], Dimensions]) -> list[tuple[Given, Given]]:
        """What a point sets going: (what goes, the point whose group it goes to)."""
        meeting, fine = self._meeting(p, dimensions)
        self._reported.add(p.parent)
        meeting.marks[p.parent] = p.time
        everybody = len(self._reported) == self._parents
        low = self._low(meeting) if everybody else None
        out: list[tuple[Given, Given]] = []
        if low is not None:
            alone = 0
            while alone < len(meeting.fine) and meeting.fine[alone].time < low:
                out.append((meeting.fine[alone], meeting.fine[alone]))
                alone += 1
            del meeting.fine[:alone]
        out += self._fine(meeting, p, low, everybody) if fine else self._coarse(meeting, p)
        return out

    def _bar(self, p: Given, dimensions: Callable[[int], Dimensions]) -> list[tuple[Given, Given]]:
        """What a barrier sets going, and where it goes itself."""
        meeting, fine = self._meeting(p, dimensions)
        before = _NOTHING_YET
        if fine:
            before = self._barred.get((p.group, p.parent), before)
            self._barred[p.group, p.parent] = p.time
        else:
            self._reported.add(p.parent)
            meeting.marks[p.parent] = max(p.time, meeting.marks.get(p.parent, p.time))
        out: list[tuple[Given, Given]] = []
        waiting = []
        for g in meeting.fine:
            others = (q for q in range(self._parents) if q != g.parent)
            mine = not fine or g.group == p.group
            if mine and all(meeting.marks.get(q, before) > g.time for q in others):
                out.append((g, g))
            else:
                waiting.append(g)
        meeting.fine = waiting
        out.append((p, p))
        if not fine:
            out += [(p, p.of(group, by)) for group, by in meeting.groups.items()]
        return out

    def _passed(self, going: Sequence[tuple[Given, Given]]) -> list[tuple[Given, Given]]:
        """The barriers that came while finer points waited: once more, behind those that go now."""
        last = {(g.group, g.parent): g for g, to in going if g is to and g.row >= 0}
        bars = [
            Given(g.parent, self._barred[key], -1, g.group, g.dimensions)
            for key, g in last.items()
            if self._barred.get(key, g.time) > g.time
        ]
        return [(bar, bar) for bar in bars]

    def _meeting(self, p: Given, dimensions: Callable[[int], Dimensions]) -> tuple[_Meeting, bool]:
        """Where a point or barrier belongs, and whether it is of a finer group."""
        key, fine = self._key(p.group, dimensions(p.dimensions), p.dimensions)
        meeting = self._meetings.get(key)
        if meeting is None:
            meeting = self._meetings[key] = _Meeting()
        if fine:
            meeting.groups[p.group] = p.dimensions
        return meeting, fine

    def _fine(self, meeting: _Meeting, p: Given, low: int | None, everybody: bool) -> list[tuple[Given, Given]]:
        out: list[tuple[Given, Given]] = []
        old = 0
        for match in meeting.coarse:
            if match.time == p.time:
                out += [(p, p), (match, p)]
            if low is None or match.time >= low:
                break
            old += 1
        if everybody:
            del meeting.coarse[:old]
        if not out:
            if low is not None and p.time < low:
                out.append((p, p))
            else:
                meeting.fine.append(p)
                if len(meeting.fine) > _WAITING_AT_MOST:
                    out.append((meeting.fine[0], meeting.fine[0]))
                    del meeting.fine[0]
        return out

    def _coarse(self, meeting: _Meeting, p: Given) -> list[tuple[Given, Given]]:
        meeting.coarse.append(p)
        if len(meeting.coarse) > _WAITING_AT_MOST:
            del meeting.coarse[0]
            self.given_up += 1
        out: list[tuple[Given, Given]] = []
        met = 0
        while met < len(meeting.fine) and meeting.fine[met].time == p.time:
            specific = meeting.fine[met]
            out += [(specific, specific), (p, specific)]
            met += 1
        del meeting.fine[:met]
        return out

    def _low(self, meeting: _Meeting) -> int | None:
        """The time that the parents have reached here: those behind the last that has not come here at all."""
        low: int | None = None
        for parent in range(self._parents):
            mark = meeting.marks.get(parent)
            low = mark if mark is None or low is None else min(low, mark)
        return low

    def _key(self, group: int, dimensions: Dimensions, by: int) -> tuple[Group, bool]:
        known = self._known.get((group, by))
        if known is None:
            full = self._table.group(group)
            have = dict(full.tags)
            key = Group(tuple((k, have.get(k, "")) for k in self._on), full.name, dimensions.by_name)
            known = self._known[group, by] = (key, len(full.tags) > len(self._on))
        return known
