"""flatten: fold points of one time into one, their fields named after their tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.engine.buffer import points_from_state, points_state
from services.engine.column import BoolArray, Column, IntArray, Rows, concat
from services.engine.ended import ended
from services.engine.first_names import FirstNames
from services.engine.frame import Barriers, Batches, Frame, Message, Points, group_order
from services.engine.node import Context, Groups, Node, State
from services.engine.retag import grouped_series, named
from services.engine.segments import is_first
from services.engine.series import GroupArray
from services.engine.stacked import Stack
from services.engine.times import round_half_up
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, maybe_several, prop, several


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


class FlattenNode(Node):
    """Folds the points that have one time in one group into one point, with the tags of its group alone.

    A field is named after its point's values of the `on` tags and its own name; of several of one name the last stays.
    On a stream a point leaves once a point of another time comes to its group, or a barrier of a later one (as with
    Kapacitor 1.6 and later), or the group ends; in batches each is folded by itself.
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
            "on a stream they end the point that is being folded and begin one of their own, so one time may "
            "give several points. In batches rows out of order do the same."
        ),
    )

    properties: FlattenProperties

    def __init__(self, properties: FlattenProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._groups = Groups(context.table)
        self._names = FirstNames(context.table)
        self._stack = Stack()
        self._local: IntArray = np.empty(0, dtype=np.int64)  # of the points in the stack: their local groups

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        held = len(self._stack)
        came = self._groups.local(frame.group)
        self._names.came(came, frame.points.series, len(self._groups))
        self._stack.add(frame.points)
        local = np.concatenate([self._local, came])
        points = self._stack.points()
        time = round_half_up(points.time, self.properties.tolerance)
        order = group_order(local).order
        begins = is_first(local[order]) | is_first(time[order])
        first = np.flatnonzero(begins)
        # a run is over where another of its group follows, whose first row is then the cause
        following = order[first[1:]]
        over = np.append(local[order[first[:-1]]] == local[following], False)
        done = over[np.cumsum(begins) - 1]
        rows, runs = order[done], np.cumsum(begins[done]) - 1
        left = np.sort(order[~done])
        cause = following[over[:-1]] - held
        arrival = np.argsort(cause, kind="stable")
        columns, full = self._fold(points.take(rows), runs, len(cause))
        chosen = arrival[full[arrival]]
        row = order[first[over]][chosen]
        folded, number = self._folded(columns, chosen, time[row], local[row])
        self._stack.keep(left, self.context.demand)
        self._local = local[left]
        return [Frame(folded, number, frame.dimensions, frame.cause[cause[chosen]])]

    def batches(self, batches: Batches) -> Sequence[Message]:
        self._groups.local(batches.group)
        points = batches.points
        time = round_half_up(points.time, self.properties.tolerance)
        of = batches.batch_of_points()
        begins = is_first(of) | is_first(time)
        run = np.cumsum(begins) - 1
        columns, full = self._fold(points, run, int(begins.sum()))
        full[run[batches.offsets[1:][np.diff(batches.offsets) > 0] - 1]] = True
        row = np.flatnonzero(begins)[full]
        table = self.context.table
        names = np.array([named(name, table) for name in batches.names], dtype=np.int32)
        series = grouped_series(names[of[row]], batches.group[of[row]], table)
        folded = Points(time[row], series, {n: c.take(full) for n, c in columns.items()})
        counts = np.bincount(of[row], minlength=len(batches))
        return [batches.with_points(folded, np.concatenate([[0], np.cumsum(counts)]).astype(np.intp))]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        out: list[Message] = []
        if len(self._local):
            points = self._stack.points()
            time = round_half_up(points.time, self.properties.tolerance)
            over = ended(barriers, self._groups, self._local, time, self.properties.tolerance)
            columns, full = self._fold(points.take(over.rows), over.run, len(over.first))
            chosen = np.flatnonzero(full)
            row = over.first[chosen]
            folded, number = self._folded(columns, chosen, time[row], self._local[row])
            out.append(Frame(folded, number, barriers.dimensions, barriers.cause[over.barrier[chosen]]))
            self._stack.keep(over.left, self.context.demand)
            self._local = self._local[over.left]
        if left is not None:
            self._local = np.searchsorted(left, self._local)
            self._names.keep(left, len(self._groups))
            self._groups.keep(left)
        return [*out, barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return self.barriers(barriers)

    def state(self) -> State:
        names = self._names.state(len(self._groups))
        held = points_state(self._stack.points(), self.context.table)
        return {"groups": self._groups.state(), "names": names, "local": self._local, "points": held}

    def restore(self, state: State) -> None:
        table = self.context.table
        self._groups.restore(state["groups"])
        self._names.restore(state["names"])
        self._stack = Stack(points_from_state(state["points"], table))
        self._local = np.array(state["local"], dtype=np.int64)

    def _folded(
        self, columns: dict[str, Column], chosen: Rows, time: IntArray, local: IntArray
    ) -> tuple[Points, GroupArray]:
        """The chosen of the runs that `columns` are of, as points, and their groups. time, local: of the chosen."""
        number = self._groups.global_numbers(local)
        series = grouped_series(self._names.series(local), number, self.context.table)
        return Points(time, series, {n: c.take(chosen) for n, c in columns.items()}), number

    def _fold(self, points: Points, run: IntArray, runs: int) -> tuple[dict[str, Column], BoolArray]:
        """Rows into runs (run: int64[n], never falling): the fields of each, and which have any (bool[runs]).

        Where not all fields are there, since nobody wants them, a point with its tags is taken to have some.
        """
        p, demand = self.properties, self.context.demand
        pieces: dict[str, list[tuple[Rows, Column]]] = {}
        numbers, which = np.unique(points.series, return_inverse=True)
        prefixes = [self._prefix(n) for n in numbers.tolist()]
        missing = np.array([prefix is None for prefix in prefixes], dtype=np.bool_)
        if missing.any():
            lacking = int(missing[which].sum())
            self.context.error("point missing tag for flatten operation", lacking)
        for prefix in sorted({prefix for prefix in prefixes if prefix is not None}):
            of = np.array([other == prefix for other in prefixes], dtype=np.bool_)
            rows = np.flatnonzero(of[which])
            some = points.take(rows)
            for name in some.names():
                column = some.column(name) if demand is None or name in demand else None
                if column is None:
                    continue
                as_ = prefix if p.tags_alone else prefix + p.delimiter + name if prefix else name
                there = np.flatnonzero(column.mask())
                pieces.setdefault(as_, []).append((rows[there], column.take(there)))
        full = np.zeros(runs, dtype=np.bool_)
        if demand is not None:
            full[run[~missing[which]]] = True
        columns = {}
        for name, parts in sorted(pieces.items()):
            column = columns[name] = _spread(parts, run, runs)
            full |= column.mask()
        return columns, full

    def _prefix(self, series: int) -> str | None:
        """What the names of a series' fields begin with; None where it lacks one of the tags."""
        tags = dict(self.context.table.series(series).tags)
        values = [tags.get(tag) for tag in self.properties.on]
        found = [v for v in values if v is not None]
        return self.properties.delimiter.join(found) if len(found) == len(values) else None


def _spread(parts: Sequence[tuple[Rows, Column]], run: IntArray, runs: int) -> Column:
    """One field over the runs, out of its values at some rows; the last row of a run counts."""
    rows = np.concatenate([rows for rows, _ in parts])
    whole = concat([column for _, column in parts], [len(rows) for rows, _ in parts])
    order = np.argsort(rows, kind="stable")
    valid = np.zeros(runs, dtype=np.bool_)
    valid[run[rows]] = True
    values = np.zeros(runs, dtype=whole.values.dtype)
    values[run[rows[order]]] = whole.values[order]
    return Column(whole.kind, values, None if valid.all() else valid)
