"""join: put points of several streams (or batches) that have one time and one group together into one point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.arrivals import ENDS, Arrivals, LiveGroups, arrivals, merged, runs
from services.columns.column import IntArray
from services.columns.frame import NO_TIME, Barriers, Batches, Message, Points
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import Partitioning, keyed_part
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.retag import GroupedSeries, grouped_series, named, renamed_groups
from services.columns.groups.series import GroupArray, SeriesArray, SeriesTable
from services.columns.groups.shown import shown_batches, shown_points
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State
from services.columns.stacked import Stack, stacked_batches
from services.columns.times import round_half_up
from services.nodes.joining.batches import pair_points
from services.nodes.joining.elements import HELD, Elements, Sets
from services.nodes.joining.fields import Fill, Joined, Naming
from services.nodes.joining.pairing import Pairing
from services.nodes.joining.sharing import batches_from_state, batches_state, join_held, split_held
from services.nodes.joining.specific import Matching
from services.pipeline.graph import GraphNode
from services.pipeline.inference import group_tags, measurement
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, flag, prop, several
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode

_HELD_AT_MOST = 1_000_000  # elements; groups that one parent never has must not fill the memory


@dataclass
class JoinProperties(Properties):
    nodes: list[Any] = argument(Type.NODE, variadic=True, doc="The other nodes.")
    as_: list[str] = several(Type.STRING, doc="The prefix of each parent's fields, the node's own parent first.")
    on: list[str] = several(
        Type.STRING, doc="The tags to join on, where some parents are grouped by these and others by more."
    )
    delimiter: str = prop(Type.STRING, default=".", doc="What stands between prefix and field.")
    stream_name: str = prop(Type.STRING, default="", doc="The measurement of the joined points.")
    tolerance: int = prop(Type.DURATION, default=0, doc="Times are rounded to multiples of this, half up.")
    name_from_first: bool = flag(
        doc="The measurement of the joined points is always that of the first parent, where it lacks the point as well."
    )
    fill: Any = prop(
        Type.ANY, default=None, doc="'none': only whole sets. 'null' or a number: what stands for missing fields."
    )

    def check(self) -> None:
        if not self.as_:
            raise ValueError("a call to join.as() is required to specify the output stream prefixes.")
        if len(self.as_) != len(self.nodes) + 1:
            raise ValueError("number of prefixes specified by join.as() must match the number of joined streams")
        for name in self.as_:
            if not name:
                raise ValueError("must provide a prefix name for the join node, see .as() property method")
            if self.delimiter and self.delimiter in name:
                raise ValueError(
                    f'cannot use name {name} as field prefix, it contains the delimiter "{self.delimiter}"\t'
                )
        if len(set(self.as_)) != len(self.as_):
            raise ValueError("cannot use the same prefix name see .as() property method")

    def reads(self) -> frozenset[str]:
        return frozenset()

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        if not self.on or None in before:
            return super().tags_behind(before)
        return max((tags for tags in before if tags is not None), key=len)

    def name_behind(self, before: Sequence[str | None]) -> str | None:
        inner = type(self.fill) not in (int, float) and self.fill != "null"
        first = before[0] if inner or self.name_from_first else super().name_behind(before)
        return self.stream_name or first

    def needs_all_groups(self, wants: Edge) -> str:
        return "with .on() it waits until all parents have given something, of whatever group" if self.on else ""

    def sources_of(self, wanted: frozenset[str]) -> frozenset[str]:
        begins = [prefix + self.delimiter for prefix in self.as_]
        return frozenset(name[len(b) :] for name in wanted for b in begins if name.startswith(b))


class Joining(LiveGroups):
    pairing: Pairing = keyed_part(Pairing)


class JoinNode(KeyedNode):
    """Joins points of one group and one time into a point with all their fields, each under its parent's prefix.

    A joined point has the rounded time, the tags of its group, and the measurement of the lowest parent that it has
    (unless `streamName` names one, for the group too where that is by measurement). With `fill` that can change from
    point to point, and the default id of an alert with it; with `nameFromFirst` it is always that of the first parent,
    the node that join is called on, as soon as that is known: from the script, or by its first point. Several points of
    one parent at one time open several sets; each of another parent goes to the first set that lacks it. A set that
    lacks a parent leaves once every parent has gone past its time in that group (and at the end of the task): with
    `fill` the missing fields are named after those of the lowest parent that is there, without it nothing is emitted. A
    barrier takes its parent past all that is older in its group. Those parents that have never given anything of that
    group it takes past what the barrier before it said: so barriers are enough for an outer join to go on where one of
    its parents is silent from the start, where with Kapacitor it waits for ever. Batches are joined by their time and
    then point by point; without `fill` a joined batch may be empty.

    With `on` points of finer groups (host and cpu) are joined with points of the coarser ones (host) that they belong
    to; a barrier of a coarser group is one for all its finer ones. Where the script groups all parents by just the tags
    that `on` names, it is as if it were not there (with Kapacitor nothing is ever emitted then). What is held of a
    group that one parent never has leaves when the group ends (see barrier, and the setting group-idle-age) or the task
    does; where a million points are held, the older half is given up and counted as errors.
    """

    spec = NodeSpec(
        name="join",
        type_name="JoinNode",
        properties=JoinProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late=(
            "their parent falls back to their time in that group: sets of that time wait for the other "
            "parents again, and what they complete leaves, behind sets of later times. Where a parent's set "
            "of that time has left already they open a new one."
        ),
        late_on=(Edge.STREAM, Edge.BATCH),
    )

    holds = True
    keeps = Joining
    keyed: Joining
    properties: JoinProperties

    def __init__(self, properties: JoinProperties, context: Context) -> None:
        super().__init__(properties, context)
        p = properties
        if isinstance(p.fill, str) and p.fill not in ("none", "null"):
            raise TaskFailed(f"unexpected fill option {p.fill}")
        fill = Fill(None) if p.fill == "null" else Fill(p.fill) if type(p.fill) in (int, float) else None
        count = self._parents = len(p.as_)
        self._naming = Naming(tuple(p.as_), p.delimiter, fill)
        self._dimensions = DimensionsTable()
        self._points = [Stack() for _ in range(count)]
        self._batches = [stacked_batches([]) for _ in range(count)]
        parents: list[GraphNode] = next(
            (node.parents for other in p.nodes for node in other.children if node.properties is p), []
        )
        finer = not parents or any(group_tags(parent) != frozenset(p.on) for parent in parents)
        self._matching = Matching(count, tuple(p.on), context.table) if p.on and finer else None
        # the series whose measurement joined points have that lack the first parent, and from which event on; None: not
        # known yet, or nobody wants to
        called = measurement(parents[0]) if p.name_from_first and parents else None
        self._called = None if called is None else named(called, context.table)
        self._called_from = HELD
        self._batch_edge = False
        self._pairing = Pairing(count, fill is not None)
        self.keyed = Joining(context.table, count, pairing=self._pairing)
        self._groups = self.keyed.groups
        self._series = GroupedSeries(context.table, p.stream_name)
        context.table.memos.add(self)

    def forget_numbers(self) -> None:
        if self._called is not None:
            self._called = named(self.context.table.series(self._called).name, self.context.table)

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        arrived = arrivals(inputs, self._dimensions)
        if not len(arrived):
            return []
        if not self._batch_edge and any(arrived.batches):
            # joined batches leave even where a parent is missing: empty ones, if nothing fills them
            self._batch_edge = True
            self._pairing.reset(lonely=True)
        elements, origin = self._elements(arrived)
        self._call(elements)
        out = self._emit(self._pairing.collect(elements), origin)
        self._called_from = HELD
        if arrived.barriers:
            out += self._barriers(arrived)
        self._hold()
        if len(self._pairing.held) > _HELD_AT_MOST:
            out += self._give_up(int(arrived.origin[-1]))
        return out

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        if local is None:
            return {}
        held, table, waiting = self._pairing.held, self.context.table, dict[str, Any]()
        for i, name in enumerate(self.properties.as_):
            rows = held.row[(held.parent == i) & (held.group == local) & (held.row >= 0)]
            if len(self._points[i]):
                waiting[name] = shown_points(self._points[i].points().take(rows), table)
            elif len(self._batches[i]):
                waiting[name] = shown_batches(self._batches[i].select(np.sort(rows)), table)
            else:
                waiting[name] = []
        return {"waiting": waiting}

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        lacking = [name for name, points in after.get("waiting", {}).items() if not points]
        return f"it waits for {' and '.join(lacking)}" if lacking else "what has come is of times that others lack"

    def finish(self) -> Sequence[Message]:
        out = self._emit(self._pairing.flush(), np.zeros(1, dtype=np.int64))
        self._hold()
        return out

    def state(self) -> State:
        table = self.context.table
        names = LocalGroups(table)
        batches = [batches_state(part, names.local(part.group), table) for part in self._batches]
        matching = None
        if self._matching is not None:
            matching = self._matching.state(lambda n: int(names.local(np.array([n], dtype=np.int32))[0]))
        return {
            **super().state(),
            "dimensions": self._dimensions.state(),
            "points": [points_state(p.points(), table) for p in self._points],
            "batches": batches,
            "batch_edge": self._batch_edge,
            "matching": matching,
            "names": names.state(),
            "called": None if self._called is None else table.series(self._called).name,
        }

    def restore(self, state: State) -> None:
        table = self.context.table
        names = LocalGroups(table)
        names.restore(state["names"])
        numbers = np.array(names.numbers, dtype=np.int32)
        self._dimensions.restore(state["dimensions"])
        self._points = [Stack(points_from_state(p, table)) for p in state["points"]]
        self._batches = [batches_from_state(saved, numbers, table) for saved in state["batches"]]
        self._batch_edge = state["batch_edge"]
        self._pairing.lonely = self._batch_edge or self._naming.fill is not None
        super().restore(state)
        if self._matching is not None and state["matching"] is not None:
            self._matching.restore(state["matching"], names.numbers)
        if self._called is None and self.properties.name_from_first and state.get("called") is not None:
            self._called = named(state["called"], table)

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        return list(split_held(state, super().split_state(state, sharing), sharing))

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        return join_held(states, super().join_states(states, table), table)

    def _elements(self, arrived: Arrivals) -> tuple[Elements, IntArray]:
        """What came, by the groups that it is joined in; and the origin of each event."""
        before = np.array([len(p) or len(b) for p, b in zip(self._points, self._batches, strict=True)], dtype=np.int64)
        for i, (points, batches) in enumerate(zip(arrived.points, arrived.batches, strict=True)):
            for part in points:
                self._points[i].add(part)
            if batches:
                self._batches[i] = stacked_batches([self._batches[i], *batches])
        n = len(arrived)
        row = np.where(arrived.row < 0, -1, arrived.row + before[arrived.parent])
        time = round_half_up(arrived.time, self.properties.tolerance)
        elements = Elements(
            arrived.parent,
            arrived.group.astype(np.int64),
            time,
            np.zeros(n, dtype=np.int64),
            row,
            arrived.dimensions,
            np.arange(n),
        )
        origin = arrived.origin
        if arrived.barriers:
            elements = elements.take(arrived.row != ENDS)
        if self._matching is not None:
            self._matching.given_up = 0
            elements, event = self._matching.spread(elements, elements.group, self._dimensions.__getitem__)
            origin = origin[event]
            self.context.error("too many points wait for one to be joined with", self._matching.given_up)
        elements.group = self._groups.local(elements.group.astype(np.int32))
        if not arrived.barriers:
            self.keyed.observe(elements.parent, elements.group)
        else:
            self.keyed.observe(elements.parent[elements.row >= 0], elements.group[elements.row >= 0])
        return elements, origin

    def _emit(self, sets: Sets, origin: IntArray) -> list[Message]:
        if not len(sets):
            return []
        rows, first = sets.rows(), sets.first()
        chosen = sets.members[np.arange(len(sets)), first]
        group = np.array(self._groups.numbers, dtype=np.int32)[sets.elements.group[chosen]]
        dimensions = sets.elements.dimensions[chosen]
        if self._batch_edge:
            return self._emit_batches(sets, rows, first, group, dimensions, origin[sets.event])
        parents = [p.points() for p in self._points]
        lowest = rows[np.arange(len(sets)), first]
        series = np.empty(len(sets), dtype=np.int32)
        for i, points in enumerate(parents):
            mine = first == i
            series[mine] = points.series[lowest[mine]]
        series = self._as_called(series, sets, first, group)
        series = self._series.of(series, group, sets.elements.group[chosen])
        fields = Joined(self._naming, parents, rows, np.stack([first, lowest], axis=1))
        points = Points(sets.time, series, None, fields)
        return list(merged(points, self._renamed(group), dimensions, origin[sets.event], self._dimensions))

    def _call(self, arrived: Elements) -> None:
        """The first parent's first point tells how points that lack it are to be called."""
        if not self.properties.name_from_first or self._called is not None:
            return
        row = np.flatnonzero((arrived.parent == 0) & (arrived.row >= 0))
        if len(row):
            element = arrived.take(row[:1])
            at, self._called_from = int(element.row[0]), int(element.event[0])
            if self._batch_edge:
                self._called = named(self._batches[0].names[at], self.context.table)
            else:
                self._called = int(self._points[0].points().series[at])

    def _as_called(self, series: SeriesArray, sets: Sets, first: IntArray, group: GroupArray) -> SeriesArray:
        """Series whose measurements are those of the joined points or batches: `series` for the lowest parent's."""
        if self._called is None:
            return series
        lacking = np.flatnonzero((first > 0) & (sets.event >= self._called_from))
        by_name = [self.context.table.group(n).by_name for n in group[lacking].tolist()]
        called = series.copy()
        called[lacking[~np.array(by_name, dtype=np.bool_)]] = self._called
        return called

    def _emit_batches(
        self, sets: Sets, rows: IntArray, first: IntArray, group: Any, dimensions: IntArray, origin: IntArray
    ) -> list[Message]:
        names: list[str] = []
        members: list[IntArray] = []
        models: list[IntArray] = []
        times: list[IntArray] = []
        called = "" if self._called is None else self.context.table.series(self._called).name
        named_by = [self.context.table.group(n).by_name for n in group.tolist()]
        lists = (rows.tolist(), first.tolist(), sets.event.tolist(), named_by)
        for batch_rows, lowest, event, by_name in zip(*lists, strict=True):
            own = self._batches[lowest].names[batch_rows[lowest]]
            if called and lowest > 0 and event >= self._called_from and not by_name:
                own = called
            names.append(self.properties.stream_name or own)
            begins = np.zeros(self._parents, dtype=np.int64)
            its: list[IntArray | None] = [None] * self._parents
            for i, row in enumerate(batch_rows):
                if row >= 0:
                    b = self._batches[i]
                    begins[i] = b.offsets[row]
                    its[i] = round_half_up(
                        b.points.time[b.offsets[row] : b.offsets[row + 1]], self.properties.tolerance
                    )
            paired, time = pair_points(its, self._naming.fill is not None)
            members.append(np.where(paired >= 0, paired + begins, -1))
            model = next((i for i, t in enumerate(its) if t is not None and len(t)), 0)
            models.append(np.full((len(time), 2), (model, begins[model]), dtype=np.int64))
            times.append(time)
        lengths = np.array([len(t) for t in times], dtype=np.intp)
        of = np.repeat(np.arange(len(sets)), lengths)
        parents = [b.points for b in self._batches]
        every, modelled = np.concatenate(members), np.concatenate(models)
        series = np.empty(len(every), dtype=np.int32)
        for i, points in enumerate(parents):
            mine = modelled[:, 0] == i
            series[mine] = points.series[modelled[mine, 1]]
        series = grouped_series(series, group[of], self.context.table, self.properties.stream_name)
        points = Points(np.concatenate(times), series, None, Joined(self._naming, parents, every, modelled))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        out: list[Message] = []
        by = self._dimensions[int(dimensions[0])]
        whole = Batches(points, offsets, self._renamed(group), names, sets.time, by, origin)
        stretches = runs(dimensions)
        for lo, hi in stretches:
            part = whole if len(stretches) == 1 else whole.select(np.arange(lo, hi))
            part.dimensions = self._dimensions[int(dimensions[lo])]
            out.append(part)
        return out

    def _renamed(self, group: GroupArray) -> GroupArray:
        """What goes on with `streamName` is grouped by that name, where the script groups by measurement."""
        name = self.properties.stream_name
        return renamed_groups(group, name, self.context.table) if name else group

    def _barriers(self, arrived: Arrivals) -> list[Message]:
        """Barriers go on; a group's end once all parents have ended it, after what is still held of it."""
        out: list[Message] = []
        over: list[int] = []
        for i in np.flatnonzero(arrived.row < 0).tolist():
            group, origin = arrived.group[i : i + 1], arrived.origin[i : i + 1]
            delete = False
            if arrived.delete[i]:
                local = int(self._groups.local(group)[0])
                if self._matching is not None:
                    out += self._end_of_waiting(int(group[0]), local, int(arrived.dimensions[i]), origin)
                    delete = True
                else:
                    delete = self.keyed.ended(int(arrived.parent[i]), local)
                if delete:
                    over.append(local)
                    out += self._emit(self._pairing.flush(self._pairing.held.group == local), origin)
            if delete or not arrived.mute[i]:
                by = self._dimensions[int(arrived.dimensions[i])]
                time = np.full(1, NO_TIME, dtype=np.int64) if arrived.mute[i] else arrived.time[i : i + 1]
                out.append(Barriers(self._renamed(group), time, origin, by, delete))
        if over:
            left = np.setdiff1d(np.arange(len(self._groups)), over)
            self.keyed.keep(left)
            self._series.forget()
        return out

    def _end_of_waiting(self, group: int, local: int, by: int, origin: IntArray) -> list[Message]:
        """A group has ended: points of it that wait for a coarser one go alone."""
        assert self._matching is not None
        waiting = self._matching.forget(group, self._dimensions[by], by)
        columns = [(g.parent, local, g.time, 0, g.row, g.dimensions, i) for i, g in enumerate(waiting)]
        table = np.array(columns, dtype=np.int64).reshape(len(waiting), 7)
        elements = Elements(*(np.ascontiguousarray(table[:, i]) for i in range(7)))
        return self._emit(self._pairing.collect(elements), np.repeat(origin, max(len(waiting), 1)))

    def _give_up(self, origin: int) -> list[Message]:
        held = self._pairing.held
        older = held.time <= np.partition(held.time, len(held) // 2)[len(held) // 2]
        self.context.error("a parent is too far behind: points are joined without it, or dropped", int(older.sum()))
        out = self._emit(self._pairing.flush(older), np.full(1, origin, dtype=np.int64))
        self._hold()
        return out

    def _hold(self) -> None:
        """Let go of what nothing waits for any more."""
        held = self._pairing.held
        waiting = [] if self._matching is None else self._matching.held()
        moved: list[dict[int, int]] = []
        for i in range(self._parents):
            mine = held.parent == i
            rows = held.row[mine]
            there = np.zeros(int(rows.max(initial=-1)) + 1, dtype=np.bool_)
            there[rows] = True
            wanted = np.flatnonzero(there)
            if self._matching is not None:  # one point may be held for several groups
                wanted = np.union1d(wanted, np.array([g.row for g in waiting if g.parent == i], dtype=np.int64))
            if len(self._points[i]):
                self._points[i].keep(wanted, self.context.needed_fields)
            if len(self._batches[i]):
                some = self._batches[i].select(wanted)
                needed = self.context.needed_fields
                self._batches[i] = some.with_points(some.points.detached(None if needed is None else sorted(needed)))
            place = np.empty(int(wanted.max(initial=-1)) + 1, dtype=np.int64)
            place[wanted] = np.arange(len(wanted))
            held.row[mine] = place[rows]
            moved.append(dict(zip(wanted.tolist(), range(len(wanted)), strict=True)) if waiting else {})
        if self._matching is not None:
            self._matching.moved(moved)
