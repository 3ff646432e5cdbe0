"""union: several streams (or batches) as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.arrivals import BAR, ENDS, Arrivals, LiveGroups, arrivals, merged, runs
from services.columns.column import BoolArray, IntArray, Rows
from services.columns.frame import NO_TIME, Barriers, Batches, Message
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.retag import renamed, renamed_groups
from services.columns.groups.series import GroupArray
from services.columns.groups.shown import shown_batches, shown_points
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State
from services.columns.stacked import Stack, stacked, stacked_batches
from services.nodes.joining.sharing import batches_from_state, batches_state
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, prop
from services.runtime.context import Context
from services.runtime.node import Node

_HELD_AT_MOST = 1_000_000  # points; a parent that falls silent must not fill the memory
_NEVER, _NEVER_BARRED = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@dataclass
class UnionProperties(Properties):
    nodes: list[Any] = argument(Type.NODE, variadic=True, doc="The other nodes.")
    rename: str = prop(Type.STRING, default="", doc="The measurement that all points get; their own unless set.")

    def reads(self) -> frozenset[str]:
        return frozenset()

    def needs_all_groups(self, wants: Edge) -> str:
        return "its points wait for those of all groups"

    def name_behind(self, before: Sequence[str | None]) -> str | None:
        return self.rename or super().name_behind(before)


class UnionNode(Node):
    """Hands on the points of all its parents, in the order of their times.

    Points are held until every parent has reached their time; one parent's points are never sorted among themselves,
    and late ones go on as soon as they are first in line. Without `rename` every point keeps its measurement.

    A barrier stands in line as a point does, whatever its group; when it comes, those parents that have never given
    anything are not waited for up to its time (with Kapacitor nothing goes on until each has). Where a parent is silent
    so long that a million points wait for it, they go on without it, counted as errors.
    """

    spec = NodeSpec(
        name="union",
        type_name="UnionNode",
        properties=UnionProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late=(
            "they wait only for the other parents to have reached their time and are never sorted in before "
            "points that their parent gave earlier; what leaves the union then falls back in time."
        ),
        late_on=(Edge.STREAM, Edge.BATCH),
        own_parent_last=True,
    )

    holds = True
    not_by_group = "its points wait for those of all groups"
    properties: UnionProperties

    def __init__(self, properties: UnionProperties, context: Context) -> None:
        super().__init__(properties, context)
        count = len(properties.nodes) + 1
        self._dimensions = DimensionsTable()
        self._held = _nothing(count)
        self._points = [Stack() for _ in range(count)]
        self._batches: list[Batches] = [stacked_batches([]) for _ in range(count)]
        # for each parent the time of the first in line, or of the last that was; None before any came
        self._marks: list[int | None] = [None] * count
        # the latest barrier that has come: for parents without a mark it stands for one
        self._barred = _NEVER_BARRED
        self._live_groups = LiveGroups(context.table, count)

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        arrived = self._timed(arrivals(inputs, self._dimensions))
        if not len(arrived):
            return []
        queues, ends = self._queues(arrived)
        if self._in_order(queues, ends) and not self._turns_up(queues, ends):
            chosen, event = self._release(queues, ends)
        else:
            chosen, event = self._simulate(queues, len(arrived))
        if arrived.barriers:
            self._barred = int(arrived.time[arrived.row == BAR].max(initial=self._barred))
        out = self._emit(queues, chosen, arrived.origin[event])
        if len(self._held.time) > _HELD_AT_MOST:
            given_up = len(self._held.time) - _HELD_AT_MOST // 2
            self.context.error("a parent is too far behind: points go on without waiting for it", given_up)
            out += self._drain(_HELD_AT_MOST // 2, int(arrived.origin[-1]))
        return out

    def finish(self) -> Sequence[Message]:
        return self._drain(0, 0)

    def explain(self, group: int) -> dict[str, Any]:
        held, table, waiting = self._held, self.context.table, list[dict[str, Any]]()
        for i, (points, batches) in enumerate(zip(self._points, self._batches, strict=True)):
            rows = held.row[(held.parent == i) & (held.group == group) & (held.row >= 0)]
            if len(points):
                waiting += shown_points(points.points().take(rows), table)
            elif len(batches):
                waiting += shown_batches(batches.select(np.sort(rows)), table)
        reached = [None if mark is None else format_rfc3339(mark) for mark in self._marks]
        return {"waiting": waiting, "parents have reached": reached}

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        return "it waits until every parent has reached its time" if after.get("waiting") else ""

    def _timed(self, arrived: Arrivals) -> Arrivals:
        """What tells nothing of time but the end of a group stands in line right behind what its parent gave before.

        Where its parent has given nothing there is nothing to end. Barriers that are only for joins are left out: one
        of a group would hold up the others of its parent.
        """
        if not arrived.barriers:
            return arrived
        arrived = arrived.take(np.flatnonzero(~arrived.mute | (arrived.row != BAR)))
        if not (arrived.row == ENDS).any():
            return arrived
        last = list(self._marks)
        for parent, time in zip(self._held.parent.tolist(), self._held.time.tolist(), strict=True):
            last[parent] = time
        times, kept = arrived.time.tolist(), []
        for i, (parent, row) in enumerate(zip(arrived.parent.tolist(), arrived.row.tolist(), strict=True)):
            if row == ENDS:
                before = last[parent]
                if before is None:
                    continue
                times[i] = before
            last[parent] = times[i]
            kept.append(i)
        return arrived.with_times(np.array(times, dtype=np.int64)).take(np.array(kept, dtype=np.intp))

    def _drain(self, left: int, origin: int) -> list[Message]:
        """Let go of what is held, in order, until only so much is left, though parents have not come so far."""
        queues, _ = self._queues(arrivals([[] for _ in self._marks], self._dimensions))
        lines = [deque(part) for part in _by_parent(queues, len(self._marks))]
        chosen: list[int] = []
        while len(queues.time) - len(chosen) > left:
            mark = min(line[0][0] for line in lines if line)
            for line in lines:
                while line and line[0][0] <= mark:
                    chosen.append(line.popleft()[1])
        return self._emit(queues, np.array(chosen, dtype=np.intp), np.full(len(chosen), origin, dtype=np.int64))

    def state(self) -> State:
        table = self.context.table
        groups = LocalGroups(table)
        held, alive = self._held, self._live_groups.state()
        batches = [batches_state(part, groups.local(part.group), table) for part in self._batches]
        return {
            "dimensions": self._dimensions.state(),
            "held": [
                held.parent,
                held.row,
                held.time,
                groups.local(held.group),
                held.dimensions,
                held.delete,
                held.mute,
            ],
            "points": [points_state(p.points(), table) for p in self._points],
            "batches": batches,
            "marks": self._marks,
            "barred": self._barred,
            "groups": groups.state(),
            "alive": [alive["groups"], alive["alive"]],
        }

    def restore(self, state: State) -> None:
        table = self.context.table
        groups = LocalGroups(table)
        groups.restore(state["groups"])
        numbers = np.array(groups.numbers, dtype=np.int32)
        self._dimensions.restore(state["dimensions"])
        parent, row, time, group, dimensions, delete, *more = state["held"]
        mute = more[0] if more else np.zeros(len(time), dtype=np.bool_)
        self._held = _Queue(parent, row, time, numbers[group], dimensions, delete, mute, np.full(len(time), -1))
        self._points = [Stack(points_from_state(p, table)) for p in state["points"]]
        self._batches = [batches_from_state(saved, numbers, table) for saved in state["batches"]]
        self._marks = list(state["marks"])
        self._barred = state.get("barred", _NEVER_BARRED)
        names, alive = state["alive"]
        self._live_groups.restore({"groups": names, "alive": alive})

    def _queues(self, arrived: Arrivals) -> tuple[_Queue, list[int]]:
        """What is held and what arrived: parent by parent, in order. The end of each parent's share."""
        held, name, table = self._held, self.properties.rename, self.context.table
        before = np.array([_size(p, b) for p, b in zip(self._points, self._batches, strict=True)], dtype=np.int64)
        group = renamed_groups(arrived.group, name, table) if name else arrived.group
        parent = np.concatenate([held.parent, arrived.parent])
        order = np.argsort(parent, kind="stable")
        row = np.where(arrived.row < 0, arrived.row, arrived.row + before[arrived.parent])

        def both(mine: Any, its: Any) -> Any:
            return np.concatenate([mine, its])[order]

        for i, (points, batches) in enumerate(zip(arrived.points, arrived.batches, strict=True)):
            for part in points:
                self._points[i].add(part.with_series(renamed(part.series, name, table)) if name else part)
            if batches:
                self._batches[i] = stacked_batches([self._batches[i], *(self._renamed(b) for b in batches)])
        parent = parent[order]
        return _Queue(
            parent,
            both(held.row, row),
            both(held.time, arrived.time),
            both(held.group, group),
            both(held.dimensions, arrived.dimensions),
            both(held.delete, arrived.delete),
            both(held.mute, arrived.mute),
            both(held.event, np.arange(len(arrived))),
        ), np.searchsorted(parent, np.arange(len(self._marks)), side="right").tolist()

    def _renamed(self, batches: Batches) -> Batches:
        name, table = self.properties.rename, self.context.table
        if not name:
            return batches
        return Batches(
            batches.points,
            batches.offsets,
            renamed_groups(batches.group, name, table),
            [name] * len(batches),
            batches.tmax,
            batches.dimensions,
            batches.origin,
        )

    def _in_order(self, queues: _Queue, ends: Sequence[int]) -> bool:
        """Whether no parent's times fall, nor are they before what it has reached."""
        begin = 0
        for mark, end in zip(self._marks, ends, strict=True):
            time = queues.time[begin:end]
            if len(time) and ((mark is not None and time[0] < mark) or (time[1:] < time[:-1]).any()):
                return False
            begin = end
        return True

    def _release(self, queues: _Queue, ends: Sequence[int]) -> tuple[Rows, IntArray]:
        """Which elements go on, in order, and which arrival sets each free. All parents are in order."""
        at = queues.event.copy()
        begin = 0
        for i, end in enumerate(ends):
            time, event = queues.time[begin:end], queues.event[begin:end]
            # the first of this parent that is old enough; what was there before this step is worth -1
            first = np.searchsorted(time, queues.time, side="left")
            reached = np.append(event, _NEVER)[first]
            mark = self._marks[i]
            if mark is not None:
                reached[queues.time <= mark] = -1
            elif begin == end:
                barred, event = self._bars_in(queues)
                reached = np.append(event, _NEVER)[np.searchsorted(barred, queues.time, side="left")]
            at = np.maximum(at, reached)
            begin = end
        free = np.flatnonzero(at < _NEVER)
        order = free[np.lexsort((queues.parent[free], queues.time[free], at[free]))]
        begin = 0
        for i, end in enumerate(ends):
            if begin < end:
                waiting = begin + int((at[begin:end] < _NEVER).sum())
                self._marks[i] = int(queues.time[min(waiting, end - 1)])
            begin = end
        return order, at[order]

    def _turns_up(self, queues: _Queue, ends: Sequence[int]) -> bool:
        """Whether a parent that a barrier has been standing in for, or does in this step, gives its first."""
        if None not in self._marks or (self._barred == _NEVER_BARRED and not (queues.row == BAR).any()):
            return False
        begins = [0, *ends[:-1]]
        return any(m is None and lo < hi for m, lo, hi in zip(self._marks, begins, ends, strict=True))

    def _bars_in(self, queues: _Queue) -> tuple[IntArray, IntArray]:
        """The latest barrier's time as it rises (ascending), and the arrivals by which it does: -1 before this step."""
        rows = np.flatnonzero((queues.row == BAR) & (queues.event >= 0))
        rows = rows[np.argsort(queues.event[rows], kind="stable")]
        time = np.maximum.accumulate(np.append(self._barred, queues.time[rows]))
        return time, np.append(-1, queues.event[rows])

    def _simulate(self, queues: _Queue, count: int) -> tuple[Rows, IntArray]:
        """As `_release`, arrival by arrival: what is late makes its parent's mark fall back."""
        parents = len(self._marks)
        lines: list[deque[tuple[int, int]]] = [deque() for _ in range(parents)]
        comes: list[tuple[int, int, int]] = [(0, 0, 0)] * count
        for i, part in enumerate(_by_parent(queues, parents)):
            for time, element in part:
                event = int(queues.event[element])
                if event < 0:
                    lines[i].append((time, element))
                else:
                    comes[event] = (i, time, element)
        marks, barred = self._marks, self._barred
        bars = np.where(queues.row == BAR, queues.time, _NEVER_BARRED).tolist()
        chosen: list[int] = []
        events: list[int] = []
        for event, (parent, time, element) in enumerate(comes):
            line = lines[parent]
            line.append((time, element))
            if len(line) > 1 and bars[element] <= barred:
                continue
            barred = max(barred, bars[element])
            while True:
                for i, line in enumerate(lines):
                    if line:
                        marks[i] = line[0][0]
                mark = min(barred if m is None else m for m in marks)
                before = len(chosen)
                for line in lines:
                    while line and line[0][0] <= mark:
                        chosen.append(line.popleft()[1])
                if len(chosen) == before:
                    break
                events += [event] * (len(chosen) - before)
        return np.array(chosen, dtype=np.intp), np.array(events, dtype=np.int64)

    def _emit(self, queues: _Queue, chosen: Rows, origin: IntArray) -> list[Message]:
        """The chosen elements, in order, as messages; the others are held."""
        out: list[Message] = []
        parent, row, group = queues.parent[chosen], queues.row[chosen], queues.group[chosen]
        sizes = [_size(p, b) for p, b in zip(self._points, self._batches, strict=True)]
        base = np.cumsum([0, *sizes[:-1]])
        for lo, hi in runs((row < 0).astype(np.int64)):
            part, dimensions = slice(lo, hi), queues.dimensions[chosen[lo:hi]]
            if row[lo] < 0:
                out += self._barriers(queues, chosen[part], origin[part])
                continue
            self._live_groups.observe(parent[part], self._live_groups.groups.local(group[part]))
            rows = row[part] + base[parent[part]]
            if any(map(len, self._points)):
                points = stacked([p.points() for p in self._points]).take(rows)
                out += merged(points, group[part], dimensions, origin[part], self._dimensions)
                continue
            every = stacked_batches(self._batches).select(rows)
            for a, b in runs(dimensions):
                some = every.select(np.arange(a, b))
                some.dimensions, some.origin = self._dimensions[int(dimensions[a])], origin[part][a:b]
                out.append(some)
        self._hold(queues, chosen)
        return out

    def _barriers(self, queues: _Queue, chosen: Rows, origin: IntArray) -> list[Message]:
        """Barriers; a group's end is handed on once it is over for all parents."""
        local = self._live_groups.groups.local(queues.group[chosen])
        delete, mute = np.zeros(len(chosen), dtype=np.bool_), queues.mute[chosen]
        for i in np.flatnonzero(queues.delete[chosen]).tolist():
            delete[i] = self._live_groups.ended(int(queues.parent[chosen[i]]), int(local[i]))
        dimensions, group = queues.dimensions[chosen], queues.group[chosen]
        time = np.where(mute, NO_TIME, queues.time[chosen])
        out: list[Message] = []
        for lo, hi in runs(delete.astype(np.int64), mute.astype(np.int64), dimensions):
            if mute[lo] and not delete[lo]:
                continue
            by = self._dimensions[int(dimensions[lo])]
            out.append(Barriers(group[lo:hi], time[lo:hi], origin[lo:hi], by, bool(delete[lo])))
        if delete.any():
            self._live_groups.forget(group[delete])
        return out

    def _hold(self, queues: _Queue, chosen: Rows) -> None:
        left = np.ones(len(queues.time), dtype=np.bool_)
        left[chosen] = False
        self._held = held = queues.select(np.flatnonzero(left))
        for i in range(len(self._marks)):
            mine = np.flatnonzero((held.parent == i) & (held.row >= 0))
            rows = held.row[mine]
            if len(self._points[i]):
                self._points[i].keep(rows, self.context.needed_fields)
            if len(self._batches[i]):
                some = self._batches[i].select(rows)
                needed = self.context.needed_fields
                self._batches[i] = some.with_points(some.points.detached(None if needed is None else sorted(needed)))
            held.row[mine] = np.arange(len(mine))


@dataclass(slots=True)
class _Queue:
    """Elements in line, parent by parent; arrays of shape (n,) as in Arrivals.

    row: among the parent's points or batches held by the node; BAR or ENDS for a barrier. mute: as in Arrivals. event:
    the number of the arrival in this step, -1 for what was held already.
    """

    parent: IntArray
    row: IntArray
    time: IntArray
    group: GroupArray
    dimensions: IntArray
    delete: BoolArray
    mute: BoolArray
    event: IntArray

    def select(self, rows: Rows) -> _Queue:
        return _Queue(
            self.parent[rows],
            self.row[rows],
            self.time[rows],
            self.group[rows],
            self.dimensions[rows],
            self.delete[rows],
            self.mute[rows],
            np.full(len(rows), -1, dtype=np.int64),
        )


def _nothing(parents: int) -> _Queue:
    none = np.empty(0, dtype=np.int64)
    no = none.astype(np.bool_)
    return _Queue(none, none, none, none.astype(np.int32), none, no, no, none)


def _by_parent(queues: _Queue, parents: int) -> list[list[tuple[int, int]]]:
    """(time, element) of each parent, in order."""
    ends = np.searchsorted(queues.parent, np.arange(parents), side="right").tolist()
    times = queues.time.tolist()
    return [[(times[e], e) for e in range(lo, hi)] for lo, hi in zip([0, *ends[:-1]], ends, strict=True)]


def _size(points: Stack, batches: Batches) -> int:
    return len(points) or len(batches)
