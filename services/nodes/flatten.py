"""flatten: make one of the points of one time, their fields named after their tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, Column, IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Points, group_order
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.columns.groups.measurements import FirstNames
from services.columns.groups.ordering import ordered
from services.columns.groups.retag import grouped_series, named
from services.columns.groups.series import GroupArray, SeriesArray, Tags
from services.columns.held_points import HeldStack
from services.columns.released import ended
from services.columns.segments import grown, is_first
from services.columns.times import round_half_up
from services.nodes.flattening.spreading import spread
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, maybe_several, prop, several
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode

_LACKING, _UNKNOWN = -1, -2  # in place of the number of a prefix


@dataclass
class FlattenProperties(Properties):
    on: list[str] = several(Type.STRING, doc="The tags whose values the fields are named after.")
    delimiter: str = prop(Type.STRING, default=".", doc="What stands between the parts of a field's name.")
    tolerance: int = prop(Type.DURATION, default=0, doc="Times are rounded to multiples of this, half up.")
    drop_original_field_name: list[bool] | None = maybe_several(Type.BOOL, doc="Name fields after the tags alone.")

    @property
    def tags_alone(self) -> bool:
        """Whether fields are named after the tags alone."""
        drop = self.drop_original_field_name
        return drop is not None and (len(drop) != 1 or drop[0])

    def reads(self) -> frozenset[str] | None:
        return None if self.tags_alone or not self.delimiter else frozenset()

    def sources_of(self, wanted: frozenset[str]) -> frozenset[str]:
        parts = [name.split(self.delimiter) for name in wanted]
        return frozenset(self.delimiter.join(p[i:]) for p in parts for i in range(len(p)))


class Flattening(KeyedState):
    names: FirstNames = keyed_part(FirstNames)
    held: HeldStack = keyed_part(HeldStack, flat=True)


class FlattenNode(KeyedNode):
    """Makes one point of those that have one time in one group, with the tags of the group alone.

    A field is named after its point's values of the `on` tags and its own name; of several of one name the last stays.
    On a stream a point leaves once a point of another time comes to its group, or a barrier of a later one (as with
    Kapacitor 1.6 and later), or the group ends; in batches each is flattened by itself.
    A point that lacks one of the tags is left out and counted as an error. What has no fields then does not leave,
    but for the last point of a batch, as with Kapacitor 1.5.7.
    """

    spec = NodeSpec(
        name="flatten",
        type_name="FlattenNode",
        properties=FlattenProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late=(
            "on a stream they end the point that is being flattened and begin one of their own, so one time may "
            "give several points. In batches rows out of order do the same."
        ),
    )

    holds = True
    keeps = Flattening
    keyed: Flattening
    properties: FlattenProperties

    def __init__(self, properties: FlattenProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._names, self._held = FirstNames(context.table), HeldStack(context.table)
        self.keyed = Flattening(context.table, names=self._names, held=self._held)
        self._groups = self.keyed.groups
        self.forget_numbers()
        context.table.memos.add(self)

    def forget_numbers(self) -> None:
        # what names of fields begin with, by number, and the number of each series
        self._prefixes: list[str] = []
        self._number: dict[str, int] = {}
        self._of_tags: dict[Tags, int] = {}  # by the tags that they are made of
        self._of_series: NDArray[np.int32] = np.empty(0, dtype=np.int32)

    def frame(self, frame: Frame) -> Sequence[Message]:
        held = len(self._held.stack)
        arrived = self._groups.local(frame.group)
        self._names.observe(arrived, frame.points.series)
        # what is held of other groups stays as it is
        at = np.concatenate([self._held.of_groups(arrived, len(self._groups)), held + np.arange(len(frame))])
        self._held.stack.add(frame.points)
        self._held.local = np.concatenate([self._held.local, arrived])
        points = self._held.stack.points()
        time, local = round_half_up(points.time[at], self.properties.tolerance), self._held.local[at]
        order = group_order(local).order
        begins = is_first(local[order]) | is_first(time[order])
        first = np.flatnonzero(begins)
        # a run is over where another of its group follows, whose first row then closes it
        following = order[first[1:]]
        over = np.append(local[order[first[:-1]]] == local[following], False)
        done = over[np.cumsum(begins) - 1]
        rows, runs = order[done], np.cumsum(begins[done]) - 1
        closing = at[following[over[:-1]]] - held
        arrival = np.argsort(closing, kind="stable")
        place = np.empty_like(arrival)
        place[arrival] = np.arange(len(arrival))
        by_arrival = np.argsort(rows, kind="stable")
        names = points.names() if self.context.needed_fields is None else sorted(self.context.needed_fields)
        columns, full = self._flatten(points.take(at[rows[by_arrival]]), names, place[runs][by_arrival], len(closing))
        chosen = arrival[full]
        row = order[first[over]][chosen]
        flattened, number = self._flattened(columns, full, time[row], local[row])
        self._held.keep_but(at[rows], self.context.needed_fields)
        return [Frame(flattened, number, frame.dimensions, frame.origin[closing[chosen]])]

    def batches(self, batches: Batches) -> Sequence[Message]:
        self._groups.local(batches.group)
        points = batches.points
        time = round_half_up(points.time, self.properties.tolerance)
        of = batches.batch_of_points()
        begins = is_first(of) | is_first(time)
        run = np.cumsum(begins) - 1
        columns, full = self._flatten(points, points.names(), run, int(begins.sum()))
        full[run[batches.offsets[1:][np.diff(batches.offsets) > 0] - 1]] = True
        row = np.flatnonzero(begins)[full]
        table = self.context.table
        names = np.array([named(name, table) for name in batches.names], dtype=np.int32)
        series = grouped_series(names[of[row]], batches.group[of[row]], table)
        flattened = Points(time[row], series, {n: c.take(full) for n, c in columns.items()})
        counts = np.bincount(of[row], minlength=len(batches))
        return [batches.with_points(flattened, np.concatenate([[0], np.cumsum(counts)]).astype(np.intp))]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.observe_barriers(barriers)
        out: list[Message] = []
        if len(self._held.local):
            points = self._held.stack.points()
            time = round_half_up(points.time, self.properties.tolerance)
            over = ended(barriers, self._groups, self._held.local, time, self.properties.tolerance)
            columns, full = self._flatten(points.take(over.rows), points.names(), over.run, len(over.first))
            row = over.first[full]
            flattened, number = self._flattened(columns, full, time[row], self._held.local[row])
            out.append(Frame(flattened, number, barriers.dimensions, barriers.origin[over.barrier[full]]))
            self._held.keep_but(over.rows, self.context.needed_fields)
        if left is not None:
            self.keyed.keep(left)
        return [*out, barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return self.barriers(barriers)

    def _flattened(
        self, columns: dict[str, Column], full: BoolArray, time: IntArray, local: IntArray
    ) -> tuple[Points, GroupArray]:
        """Those of the runs that `columns` are of that have any, as points, and their groups.

        full: bool, by run. time, local: of these alone.
        """
        number = self._groups.global_numbers(local)
        if not full.all():
            columns = {n: c.take(full) for n, c in columns.items()}
        return Points(time, self._names.grouped(local, number), columns), number

    def _flatten(
        self, points: Points, names: Sequence[str], run: IntArray, runs: int
    ) -> tuple[dict[str, Column], BoolArray]:
        """Rows into runs (run: int64[n]; a run's rows are in order): its fields, and which runs have any (bool[runs]).

        names: of all the fields there may be.

        Where not all fields are there, since nobody wants them, a point with its tags is taken to have some.
        """
        p, needed = self.properties, self.context.needed_fields
        by_name: dict[str, list[tuple[Rows, Column]]] = {}
        prefix = self._prefix_of(points.series)
        order, starts, ends, numbers = ordered(prefix)
        some = [(n, order[lo:hi]) for n, lo, hi in zip(numbers.tolist(), starts.tolist(), ends.tolist(), strict=True)]
        if some and some[0][0] == _LACKING:
            self.context.error("point missing tag for flatten operation", len(some[0][1]))
            some = some[1:]
        names = [name for name in names if needed is None or name in needed]
        points.expect(names)
        fields = [(name, points.column(name)) for name in names]
        for number, rows in some:
            begin = self._prefixes[number]
            for name, column in fields:
                if column is None or not (column.valid is None or column.valid[rows].any()):
                    continue
                as_ = begin if p.tags_alone else begin + p.delimiter + name if begin else name
                by_name.setdefault(as_, []).append((rows, column))
        full = np.zeros(runs, dtype=np.bool_)
        if needed is not None:
            full[run[prefix != _LACKING]] = True
        columns = {}
        for name, parts in sorted(by_name.items()):
            column = columns[name] = spread(parts, run, runs)
            if column.valid is None:
                full[:] = True
            else:
                full |= column.valid
        return columns, full

    def _prefix_of(self, series: SeriesArray) -> NDArray[np.int32]:
        """What the names of points' fields begin with, by its number; _LACKING where one lacks one of the tags."""
        self._of_series = grown(self._of_series, int(series.max(initial=-1)) + 1, _UNKNOWN)
        found = self._of_series[series]
        if not (unknown := found == _UNKNOWN).any():
            return found
        on, table = frozenset(self.properties.on), self.context.table
        for number in set(series[unknown].tolist()):
            tags = tuple([tag for tag in table.series(number).tags if tag[0] in on])
            known = self._of_tags.get(tags)
            if known is None:
                known = self._of_tags[tags] = self._number_of(dict(tags))
            self._of_series[number] = known
        return self._of_series[series]

    def _number_of(self, tags: dict[str, str]) -> int:
        values = [tags.get(tag) for tag in self.properties.on]
        found = [v for v in values if v is not None]
        if len(found) < len(values):
            return _LACKING
        prefix = self.properties.delimiter.join(found)
        number = self._number.setdefault(prefix, len(self._prefixes))
        if number == len(self._prefixes):
            self._prefixes.append(prefix)
        return number
