"""groupBy: group points anew by tags, by the measurement, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.frame import NO_TIME, Barriers, Batches, Frame, Message, Points, concat_points, group_order
from services.columns.groups.grouping import dimensions_of, regroup
from services.columns.groups.keyed_state import NotByGroup, Partitioning
from services.columns.groups.portable_names import groups_from_state, groups_state
from services.columns.groups.series import Dimensions, Series, SeriesTable, group_of
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State
from services.pipeline.dimensions import check_dimensions
from services.pipeline.spec import STAR, Edge, NodeSpec, Properties, Type, appending, argument, flag
from services.pipeline.tag_set import TagSet
from services.runtime.context import Context
from services.runtime.grouping_node import GroupingNode


@dataclass
class GroupByProperties(Properties):
    tags: list[str] = argument(Type.STRING_OR_STAR, variadic=True, doc="The tags to group by; * for all of them.")
    by_measurement: bool = flag(doc="Group by the measurement as well.")
    exclude: list[tuple[str, ...]] = appending(
        Type.STRING, variadic=True, doc="Tags that are not to be grouped by, whatever `tags` says."
    )

    def check(self) -> None:
        check_dimensions(self.tags, self.excluded())

    def excluded(self) -> list[str]:
        """The tags of all calls of `exclude`."""
        return [tag for tags in self.exclude for tag in tags]

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        return None if STAR in self.tags else frozenset(self.tags).difference(self.excluded())

    def groups_by(self) -> TagSet:
        excluded = self.excluded()
        return TagSet.all_but(excluded) if STAR in self.tags else TagSet.of(self.tags).without(excluded)

    def keeps_groups(self) -> bool:
        return False

    def needs_all_groups(self, wants: Edge) -> str:
        return "a batch of any group lets those go that it holds" if wants is Edge.BATCH else ""

    def reads(self) -> frozenset[str]:
        return frozenset()


class GroupByNode(GroupingNode):
    """Changes what points are grouped by. A grouping by measurement that is already there stays.

    Points of batches are held until a batch of another time begins, or a barrier of another time comes, or all groups
    that batches have come of have ended. Then they go on as new batches of that time, one a group, with the name of the
    batch that came first and their points sorted by time.
    """

    spec = NodeSpec(
        name="groupBy",
        type_name="GroupByNode",
        properties=GroupByProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="groupby",
        doc=__doc__ or "",
        late=(
            "on a stream they go on like others. A batch whose time differs from that of the batches held, "
            "earlier or later, lets those go and begins batches of its own time."
        ),
        late_on=(Edge.BATCH,),
    )

    properties: GroupByProperties

    def __init__(self, properties: GroupByProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._dimensions = dimensions_of(properties.tags, properties.by_measurement, properties.excluded())
        self._time: int | None = None
        self._held: list[tuple[Points, list[str], bool]] = []
        self._sources: set[int] = set()  # the groups, as they came, that have not ended

    def groups_alive(self) -> int:
        return len({g for points, names, by_name in self._held for g in self._groups_of(points, names, by_name)})

    def frame(self, frame: Frame) -> Sequence[Message]:
        return [regroup(frame, self._under(frame.dimensions.by_name), self.context.table)]

    def batches(self, batches: Batches) -> Sequence[Message]:
        out: list[Message] = []
        for i in range(len(batches)):
            time = int(batches.tmax[i])
            out += self._emit(time, int(batches.origin[i]))
            lo, hi = int(batches.offsets[i]), int(batches.offsets[i + 1])
            if lo < hi:
                points = batches.points.take(np.arange(lo, hi)).detached()
                self._held.append((points, [batches.names[i]] * (hi - lo), batches.dimensions.by_name))
            self._sources.add(int(batches.group[i]))
        return out

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        out: list[Message] = []
        if barriers.delete:
            self._sources.difference_update(barriers.group.tolist())
        if not barriers.timeless:
            for time, origin in zip(barriers.time.tolist(), barriers.origin.tolist(), strict=True):
                out += self._emit(time, origin)
        elif not self._sources:
            out += self._emit(NO_TIME, int(barriers.origin[0]))
        return [*out, barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return [] if self._sources else [barriers]

    def state(self) -> State:
        table = self.context.table
        held = [[points_state(points, table), names, by_name] for points, names, by_name in self._held]
        sources = groups_state(np.array(sorted(self._sources), dtype=np.int32), table)
        return {**super().state(), "time": self._time, "held": held, "sources": sources}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._time = state["time"]
        table = self.context.table
        self._held = [(points_from_state(points, table), names, by_name) for points, names, by_name in state["held"]]
        if "sources" in state:
            self._sources = set(groups_from_state(state["sources"], table).tolist())

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        if _holds(state):
            raise NotByGroup("a batch of any group lets those go that groupBy holds")
        nothing: State = {name: state[name] for name in ("time", "held", "sources") if name in state}
        return [{**one, **nothing} for one in super().split_state(state, sharing)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        if any(map(_holds, states)):
            raise NotByGroup("a batch of any group lets those go that groupBy holds")
        nothing: State = {name: states[0][name] for name in ("time", "held", "sources") if name in states[0]}
        return {**super().join_states(states, table), **nothing}

    def _under(self, by_name: bool) -> Dimensions:
        d = self._dimensions
        return Dimensions(d.tags, d.by_name or by_name, d.star, d.exclude)

    def _emit(self, time: int, origin: int) -> list[Message]:
        """Let go of what is held, unless `time` is still the time of it."""
        if time == self._time:
            return []
        emitted, self._time = self._time, time
        if not self._held or emitted is None:
            return []
        points = concat_points([part for part, _, _ in self._held])
        names = [name for _, part, _ in self._held for name in part]
        groups = np.array([g for part in self._held for g in self._groups_of(*part)], dtype=np.int32)
        dimensions = self._under(self._held[0][2])
        self._held = []
        order = group_order(groups)
        first = np.argsort(order.order[order.starts], kind="stable")
        rows, offsets, called = [], [0], []
        for g in first.tolist():
            mine = order.order[order.starts[g] : order.ends[g]]
            called.append(names[int(mine[0])])
            rows.append(mine[np.argsort(points.time[mine], kind="stable")])
            offsets.append(offsets[-1] + len(mine))
        batches = Batches(
            points.take(np.concatenate(rows)),
            np.array(offsets, dtype=np.intp),
            order.groups[first],
            called,
            np.full(len(rows), emitted, dtype=np.int64),
            dimensions,
            np.full(len(rows), origin, dtype=np.int64),
        )
        return [batches]

    def _groups_of(self, points: Points, names: list[str], by_name: bool) -> list[int]:
        """The group number of each held point. A point of a batch has its batch's name, not its series'."""
        table, dimensions = self.context.table, self._under(by_name)
        out = []
        for number, name in zip(points.series.tolist(), names, strict=True):
            tags = table.series(number).tags
            out.append(table.group_number(group_of(Series("", "", name, tags), dimensions)))
        return out


def _holds(state: State) -> bool:
    """Whether batches have come: on a stream there are none, and the time of a barrier does not matter."""
    return bool(state["held"]) or ("sources" in state and len(state["sources"][1]) > 0)
