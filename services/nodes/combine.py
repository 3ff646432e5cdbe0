"""combine: put the points of one time together in all combinations that some conditions choose."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import BoolArray, IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Points, group_order, ranges
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.columns.groups.measurements import FirstNames
from services.columns.groups.retag import named
from services.columns.groups.series import Dimensions, GroupArray, Series, SeriesArray
from services.columns.held_points import HeldStack
from services.columns.released import ended
from services.columns.segments import is_first
from services.columns.times import round_half_up
from services.expressions import Evaluator
from services.expressions.explained import Explained, explained
from services.nodes.joining.fields import Joined, Naming
from services.pipeline.column_pruning import references_of
from services.pipeline.spec import Edge, LambdaValue, NodeSpec, Properties, Type, argument, prop, several
from services.pipeline.tag_set import NO_TAGS, TagSet
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator


@dataclass
class CombineProperties(Properties):
    expressions: list[LambdaValue] = argument(
        Type.LAMBDA, variadic=True, doc="What must hold for each of the points that are put together."
    )
    as_: list[str] = several(Type.STRING, doc="The prefix of each point's fields and tags.")
    delimiter: str = prop(Type.STRING, default=".", doc="What stands between prefix and field.")
    tolerance: int = prop(Type.DURATION, default=0, doc="Times are rounded to multiples of this, half up.")
    max: int = prop(Type.INT, default=1_000_000, doc="More combinations of one time than this end the task.")

    def check(self) -> None:
        if not self.as_:
            raise ValueError("a call to combine.as() is required to specify the output stream prefixes.")
        if len(self.as_) != len(self.expressions):
            raise ValueError(
                "number of prefixes specified by combine.as() must match the number of combine expressions"
            )
        for name in self.as_:
            if not name:
                raise ValueError("must provide a prefix name for the combine node, see .as() property method")
            if self.delimiter in name:
                raise ValueError(
                    f"cannot use name {name} as field prefix, it contains the delimiter character {self.delimiter}"
                )
        if len(set(self.as_)) != len(self.as_):
            raise ValueError("cannot use the same prefix name see .as() property method")

    def reads(self) -> frozenset[str]:
        return references_of(*self.expressions)

    def parts_by(self, grouped: TagSet) -> TagSet:
        """It makes tags of names that only the data tells: where all tags count, they do too."""
        return NO_TAGS if grouped.star else grouped

    def sources_of(self, wanted: frozenset[str]) -> frozenset[str]:
        begins = [prefix + self.delimiter for prefix in self.as_]
        return frozenset(name[len(b) :] for name in wanted for b in begins if name.startswith(b))


class Combining(KeyedState):
    names: FirstNames = keyed_part(FirstNames)
    held: HeldStack = keyed_part(HeldStack, flat=True)
    conditions: list[Evaluator] = keyed_part(Evaluator, many=True)


class CombineNode(KeyedNode):
    """Puts every combination of as many points of one group and time as there are conditions into one point.

    Of each combination the first point that the first condition holds for takes the first prefix, the first of those
    left that the second holds for the second, and so on; a combination that leaves a prefix without a point gives
    nothing. The group's tags keep their names, all other tags and fields get the prefix. On a stream the points of a
    time are combined once one of another time comes to the group, or a barrier of a later one, or the group ends; in
    batches each is combined by itself, and what comes out is a stream. A condition that cannot be evaluated does not
    hold and is counted as an error.
    """

    spec = NodeSpec(
        name="combine",
        type_name="CombineNode",
        properties=CombineProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.STREAM,
        doc=__doc__ or "",
        late=(
            "on a stream they end the collecting of the time before them and begin a collection of their "
            "own; they are not combined with earlier points of their time."
        ),
    )

    holds = True
    keeps = Combining
    keyed: Combining
    properties: CombineProperties

    def __init__(self, properties: CombineProperties, context: Context) -> None:
        super().__init__(properties, context)
        table = context.table
        self._conditions = [
            checked_evaluator(e, table, f"Failed to compile {i} expression: ")
            for i, e in enumerate(properties.expressions)
        ]
        self._names, self._held = FirstNames(table), HeldStack(table)
        self.keyed = Combining(table, names=self._names, held=self._held, conditions=self._conditions)
        self._groups = self.keyed.groups
        self._naming = Naming(tuple(properties.as_), properties.delimiter, None)
        self._combinations: dict[int, IntArray] = {}
        self._over = False

    def frame(self, frame: Frame) -> Sequence[Message]:
        held = len(self._held.stack)
        arrived = self._groups.local(frame.group)
        self._names.observe(arrived, frame.points.series)
        self._held.stack.add(frame.points)
        local = np.concatenate([self._held.local, arrived])
        points = self._held.stack.points()
        time = round_half_up(points.time, self.properties.tolerance)
        order = group_order(local).order
        begins = is_first(local[order]) | is_first(time[order])
        first = np.flatnonzero(begins)
        # a run is over where another of its group follows, whose first row then closes it
        following = order[first[1:]]
        over = np.flatnonzero(np.append(local[order[first[:-1]]] == local[following], False))
        closing = following[over] - held
        over = over[np.argsort(closing, kind="stable")]
        ends = np.append(first[1:], len(order))
        lengths = ends[over] - first[over]
        done = ranges(first[over], lengths)
        left = np.ones(len(order), dtype=np.bool_)
        left[done] = False
        rows = order[done]
        group = local[rows]
        out = self._combine(
            points.take(rows),
            time[rows],
            group,
            self._names.series(group),
            lengths,
            np.repeat(frame.origin[np.sort(closing)], lengths),
            frame.dimensions,
        )
        kept = np.sort(order[left])
        self._held.stack.keep(kept, self.context.needed_fields)
        self._held.local = local[kept]
        return out

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        if local is None:
            return {}
        return {"waiting": self._held.explain(local)}

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        now, local = self.context.step.now, self.memory_number(group)
        named = zip(self.properties.as_, self._conditions, strict=True)
        return {name: explained(condition, point, local, now) for name, condition in named}

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        return "the points of a time wait until one of another time comes to their group"

    def batches(self, batches: Batches) -> Sequence[Message]:
        table = self.context.table
        members = self._groups.local(batches.group)
        points = batches.points
        if not len(points):
            return []
        time = round_half_up(points.time, self.properties.tolerance)
        of = batches.batch_of_points()
        starts = np.flatnonzero(is_first(of) | is_first(time))
        names = np.array([named(name, table) for name in batches.names], dtype=np.int32)
        lengths = np.diff(np.append(starts, len(time)))
        return self._combine(points, time, members[of], names[of], lengths, batches.origin[of], batches.dimensions)

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.observe_barriers(barriers)
        out: list[Message] = []
        if len(self._held.local):
            points = self._held.stack.points()
            time = round_half_up(points.time, self.properties.tolerance)
            over = ended(barriers, self._groups, self._held.local, time, self.properties.tolerance)
            group = self._held.local[over.rows]
            out += self._combine(
                points.take(over.rows),
                time[over.rows],
                group,
                self._names.series(group),
                np.bincount(over.run, minlength=len(over.first)),
                barriers.origin[over.barrier[over.run]],
                barriers.dimensions,
            )
            self._held.stack.keep(over.left, self.context.needed_fields)
            self._held.local = self._held.local[over.left]
        if left is not None:
            self.keyed.keep(left)
        return [*out, barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        return self.barriers(barriers)

    def _combine(
        self,
        points: Points,
        time: IntArray,
        local: IntArray,
        named_after: SeriesArray,
        lengths: Rows,
        origin: IntArray,
        dimensions: Dimensions,
    ) -> Sequence[Message]:
        """Runs of points of one time, end to end, in order: lengths[i] points each. The other arrays are by point."""
        k = len(self._conditions)
        most = self._allowed(lengths)
        if most < len(lengths):
            n = int(lengths[:most].sum())
            lengths = lengths[:most]
            points, time, local, origin = points.take(np.arange(n)), time[:n], local[:n], origin[:n]
        if not len(points):
            return []
        holds = [self._holds(i, points, local) for i in range(k)]
        starts = np.cumsum(lengths) - lengths
        found: list[IntArray] = []
        place: list[IntArray] = []
        for n in np.unique(lengths[lengths >= k]).tolist():
            every = np.flatnonzero(lengths == n)
            for combinations in self._of(n):
                # only as many at once as fit the caches: there may be millions of which few hold
                at_once = max(_AT_ONCE // len(combinations), 1)
                for chosen in (every[i : i + at_once] for i in range(0, len(every), at_once)):
                    rows = (starts[chosen][:, None, None] + combinations[None]).reshape(-1, k)
                    taken, whole = _assigned(rows, holds)
                    found.append(taken[whole])
                    place.append(np.repeat(chosen, len(combinations))[whole])
        if not found:
            return []
        order = np.argsort(np.concatenate(place), kind="stable")
        rows = np.concatenate(found)[order]
        if not len(rows):
            return []
        first = rows[:, 0]
        group = self._groups.global_numbers(local[first])
        series = self._series(points.series, rows, named_after[first], group)
        fields = Joined(self._naming, [points] * k, rows, np.stack([np.zeros_like(first), first], axis=1))
        return [Frame(Points(time[first], series, None, fields), group, dimensions, origin[first])]

    def _allowed(self, lengths: Rows) -> int:
        """How many of the runs have no more combinations than allowed; the first that has ends the task."""
        if self._over:
            return 0
        k, most = len(self._conditions), self.properties.max
        for n in np.unique(lengths).tolist():
            if n >= k and math.comb(n, k) > most:
                at = int(np.flatnonzero(lengths >= n)[0])
                total = math.comb(int(lengths[at]), k)
                self._over = True
                self.context.fail(
                    f"refusing to perform combination as total combinations {total} exceeds max combinations {most}"
                )
                return at
        return len(lengths)

    def _holds(self, i: int, points: Points, local: IntArray) -> BoolArray:
        truth = self._conditions[i].truth(points, local, self.context.step.now)
        if truth.failed is not None and truth.failed.any():
            self.context.error("error evaluating lambda expression: " + truth.reasons[0], int(truth.failed.sum()))
        return truth.true

    def _of(self, n: int) -> Iterator[IntArray]:
        """All choices out of n points, in order, in pieces: int64[c, k] each."""
        k = len(self._conditions)
        known = self._combinations.get(n)
        if known is not None:
            yield known
            return
        flat = itertools.chain.from_iterable(itertools.combinations(range(n), k))
        left = math.comb(n, k)
        while left:
            count = min(left, _AT_ONCE)
            combinations = np.fromiter(flat, dtype=np.int64, count=count * k).reshape(-1, k)
            left -= count
            if count == math.comb(n, k):
                self._combinations[n] = combinations
            yield combinations

    def _series(self, series: SeriesArray, rows: IntArray, named_after: SeriesArray, group: GroupArray) -> SeriesArray:
        """The series of the combined points; each distinct set of tags is put together once."""
        table, p = self.context.table, self.properties
        keys = np.column_stack([series[rows], named_after, group])
        found, where = np.unique(keys, axis=0, return_inverse=True)
        numbers = []
        for *members, name, of in found.tolist():
            own = dict(table.group(of).tags)
            tags: dict[str, str] = {}
            for prefix, number in zip(p.as_, members, strict=True):
                for k, v in table.series(number).tags:
                    tags[k if k in own else prefix + p.delimiter + k] = v
            numbers.append(table.number(Series("", "", table.series(name).name, tuple(sorted(tags.items())))))
        return np.array(numbers, dtype=np.int32)[where.reshape(-1)]


_AT_ONCE = 1 << 14


def _assigned(rows: IntArray, holds: Sequence[BoolArray]) -> tuple[IntArray, BoolArray]:
    """For combinations (rows: int64[c, k]) which of their points each condition takes, and whether all take one."""
    free = np.ones(rows.shape, dtype=np.bool_)
    taken = np.empty_like(rows)
    whole = np.ones(len(rows), dtype=np.bool_)
    every = np.arange(len(rows))
    for i, hold in enumerate(holds):
        fits = hold[rows] & free
        at = fits.argmax(axis=1)
        whole &= fits[every, at]
        taken[:, i] = rows[every, at]
        free[every, at] = False
    return taken, whole
