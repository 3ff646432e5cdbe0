"""stats: how much another node has emitted, told at an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.arrivals import merged, runs
from services.columns.column import BoolArray, Column, IntArray, Kind
from services.columns.frame import Barriers, Batches, Frame, Message, Points
from services.columns.groups.dimensions import DimensionsTable
from services.columns.groups.keyed_state import KeyedState, column, numbering
from services.columns.groups.portable_names import groups_from_state, groups_state
from services.columns.groups.retag import grouped_series, named, renamed_groups
from services.columns.groups.series import NO_DIMENSIONS, GroupArray
from services.columns.snapshot import State
from services.columns.times import truncate
from services.nodes.no_op import NoOpProperties
from services.nodes.scheduling.schedule import check_interval
from services.pipeline.composite import Builder, CompositeSpec
from services.pipeline.graph import GraphNode
from services.pipeline.spec import ANYWHERE, Edge, Properties, Type, argument, flag
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode

_NAME = "stats"
_NO_GROUP = 0  # the number of the group without tags in every table


@dataclass
class StatsProperties(Properties):
    interval: int = argument(Type.DURATION, doc="How often.")
    align: bool = flag(
        doc="Times that are multiples of the interval. Here they always are; see below for what is left."
    )
    source: GraphNode | None = None
    enough: float = 0.0  # more points than this in an interval let the group go that stands for none

    def check(self) -> None:
        check_interval("interval", self.interval)

    def reads(self) -> frozenset[str]:
        return frozenset()

    def needs_all_groups(self, wants: Edge) -> str:
        return "whether there is any group at all shows in what it gives"


def build(builder: Builder, parent: GraphNode, properties: StatsProperties) -> GraphNode:
    """A source of its own. A node that has no children yet gets one, to emit to."""
    properties.source = parent
    node = builder.add("stats", (), properties)
    if not parent.children:
        builder.add("noOp", (parent,), NoOpProperties())
    return node


class Emitted(KeyedState):
    emitted: IntArray = column(np.int64)  # points
    grouped_by: IntArray = column(np.int64, into="dimensions")
    dimensions: DimensionsTable = numbering(DimensionsTable)


class StatsNode(KeyedNode):
    """Gives, for each group that the node has emitted points of, a point of the measurement stats.

    Its field `emitted` (int) counts the group's points since the task started, those in batches too. Times are
    multiples of the interval, counted from the year 1, on the run's clock; in a replay that begins with its first
    point. A group that ends (see barrier) ends here as well, with the next tick; if it comes back it is counted from 0.

    While there is no group at all, one without tags stands for them, of 0 points: from the first tick on with `align`,
    otherwise once a whole interval has passed. With the first groups that come it is given once more, with all their
    points, so that whoever watches it sees them come (for a deadman until they are more than its threshold).

    After a pause of the run's clock, while tickbus was down, say, nothing is given for the times that have passed, and
    a derivative or difference below begins with the next tick: what it gives then is of a whole interval.
    """

    spec = CompositeSpec(
        name="stats",
        type_name="StatsNode",
        properties=StatsProperties,
        wants=(Edge.NONE,),
        provides=Edge.STREAM,
        doc=__doc__ or "",
        sources=ANYWHERE,
        build=build,
    )

    clocked = True
    keeps = Emitted
    keyed: Emitted
    not_by_group = "whether it has any group at all shows in what it gives"
    properties: StatsProperties

    def __init__(self, properties: StatsProperties, context: Context) -> None:
        super().__init__(properties, context)
        if properties.interval <= 0:
            raise TaskFailed("stats node must have positive interval")
        self.keyed = Emitted(context.table)
        self._groups, self._dimensions = self.keyed.groups, self.keyed.dimensions
        self._ended: list[tuple[int, int]] = []  # groups, with their dimensions, that the next tick is to end below
        self._next: int | None = None
        self._begun: int | None = None  # when the clock began, ns
        self._based = False  # there was a tick since the clock began, or went on behind a pause
        self._none: int | None = None  # how many points the group had that stands for none; None: it is not given

    def cardinality(self) -> int:
        """None, as in Kapacitor: the groups are those of the node that it tells of."""
        return 0

    def watched(self) -> str | None:
        return None if self.properties.source is None else self.properties.source.name

    def saw(self, messages: Sequence[Message]) -> None:
        for m in messages:
            if isinstance(m, Barriers):
                if m.delete:
                    left = self._groups.without(m.group)
                    over = np.setdiff1d(np.arange(len(self._groups)), left)
                    by = self.keyed.grouped_by[over].tolist()
                    self._ended += zip(self._groups.global_numbers(over).tolist(), by, strict=True)
                    self.keyed.keep(left)
                continue
            known = len(self._groups)
            local = self._groups.local(m.group)
            self.keyed.grouped_by[known : len(self._groups)] = self._dimensions.number(m.dimensions)
            weights = m.lengths() if isinstance(m, Batches) else None
            counts = np.bincount(local, weights, minlength=len(self._groups)).astype(np.int64)
            self.keyed.emitted[: len(counts)] += counts

    def next_tick(self) -> int | None:
        return self._next

    def resumed(self, now: int) -> None:
        self._next = truncate(now, self.properties.interval) + self.properties.interval
        self._based = False
        if self._begun is None:
            self._begun = now

    def tick(self, now: int) -> Sequence[Message]:
        time, table = now, self.context.table
        self._next = time + self.properties.interval
        n = len(self._groups)
        group = renamed_groups(self._groups.global_numbers(np.arange(n)), _NAME, table)
        ends = self._ends(group, time)
        emitted, by = self.keyed.emitted[:n].copy(), self.keyed.grouped_by[:n].copy()
        none = self._of_none(group, int(emitted.sum()), time)
        self._based = True
        if none is not None:
            emitted, group = np.append(emitted, none), np.append(group, _NO_GROUP).astype(np.int32)
            by = np.append(by, self._dimensions.number(NO_DIMENSIONS))
        if not len(group):
            return ends
        series = grouped_series(np.full(len(group), named(_NAME, table), dtype=np.int32), group, table)
        points = Points(np.full(len(group), time, dtype=np.int64), series, {"emitted": Column(Kind.INT, emitted)})
        frames: list[Frame] = merged(points, group, by, np.zeros(len(group), dtype=np.int64), self._dimensions)
        return [*ends, *frames]

    def state(self) -> State:
        return {
            **super().state(),
            "next": self._next,
            "begun": self._begun,
            "based": self._based,
            "none": self._none,
            "ended": groups_state(np.array([g for g, _ in self._ended], dtype=np.int32), self.context.table),
            "ended_by": [by for _, by in self._ended],
        }

    def restore(self, state: State) -> None:
        super().restore(state)
        self._next = state["next"]
        self._begun, self._none = state.get("begun", self._next), state.get("none")
        self._based = state.get("based", True)
        ended = groups_from_state(state["ended"], self.context.table).tolist()
        self._ended = list(zip(ended, state["ended_by"], strict=True))

    def _ends(self, alive: GroupArray, time: int) -> list[Message]:
        """Word for the nodes below of the groups that have ended; alive: those that points are given of."""
        ended, self._ended = self._ended, []
        if not ended:
            return []
        group = renamed_groups(np.array([g for g, _ in ended], dtype=np.int32), _NAME, self.context.table)
        by = np.array([n for _, n in ended], dtype=np.int64)
        # groups by measurement have become one here: it lasts as long as one of them does
        over = np.flatnonzero(~np.isin(group, alive) | ~self._by_name(by))
        out: list[Message] = []
        for lo, hi in runs(by[over]):
            rows = over[lo:hi]
            origin, times = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), time, dtype=np.int64)
            out.append(Barriers(group[rows], times, origin, self._dimensions[int(by[rows[0]])], True))
        return out

    def _by_name(self, by: IntArray) -> BoolArray:
        return np.array([self._dimensions[n].by_name for n in by.tolist()], dtype=np.bool_)

    def _of_none(self, alive: GroupArray, total: int, time: int) -> int | None:
        """What to give of the group that stands for none; None: nothing. alive, total: the groups, and their points."""
        last, self._none = self._none, None
        if not len(alive):
            assert self._begun is not None
            if self.properties.align or time - self._begun >= self.properties.interval:
                self._none = 0
            return self._none
        if last is None or _NO_GROUP in alive:
            return None
        if not self._based or total - last <= self.properties.enough:
            self._none = total
        return total
