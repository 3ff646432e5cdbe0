"""derivative: how fast a field changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.column import BoolArray, Column, FloatArray, IntArray, Kind
from services.columns.frame import Batches, Frame, Message
from services.columns.groups import grouped_view
from services.columns.groups.grouped_view import GroupedView
from services.columns.groups.keyed_state import KeyedState, column
from services.columns.groups.shown import plain_value
from services.columns.times import elapsed
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, flag, prop
from services.runtime.context import Context
from services.runtime.keyed.keyed_node import KeyedNode


@dataclass
class DerivativeProperties(Properties):
    field: str = argument(Type.STRING, doc="The field whose change is wanted.")
    as_: str = prop(Type.STRING, doc="The field to put it in; `field` itself unless set.")
    unit: int = prop(Type.DURATION, default=10**9, doc="The time that the change is reckoned by.")
    non_negative: bool = flag(doc="Drop points at which the field falls (a counter that began anew) or time goes back.")

    def check(self) -> None:
        self.as_ = self.as_ or self.field

    def reads(self) -> frozenset[str]:
        return frozenset({self.field})


class Bases(KeyedState):
    """The last point that had a number: what the next one is compared with."""

    value: FloatArray = column(np.float64)
    time: IntArray = column(np.int64)
    has: BoolArray = column(np.bool_)


class DerivativeNode(KeyedNode):
    """Puts (value - previous value) / (time - previous time) * unit into each point, as a float.

    The first point of a group (or of a batch) is dropped, and so is one of the same time as its predecessor (an error)
    or, where `nonNegative` is set, with a falling value or an earlier time; all of these still are the base for the
    next. A point whose field is missing or no number is dropped with an error and is no base.
    """

    spec = NodeSpec(
        name="derivative",
        type_name="DerivativeNode",
        properties=DerivativeProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        late=(
            "they are taken in order of arrival: elapsed time is negative then, so the sign of the result "
            "turns, and with `nonNegative` they are dropped; they are the base for the next point."
        ),
    )

    keeps = Bases
    keyed: Bases
    properties: DerivativeProperties

    def __init__(self, properties: DerivativeProperties, context: Context) -> None:
        super().__init__(properties, context)
        self.keyed = Bases(context.table)

    def frame(self, frame: Frame) -> Sequence[Message]:
        through = grouped_view.stream(frame, self.keyed.groups)
        return [self._derive(through, self.keyed.value, self.keyed.time, self.keyed.has)]

    def batches(self, batches: Batches) -> Sequence[Message]:
        through = grouped_view.per_batch(batches, self.keyed.groups)
        b = len(batches)
        return [self._derive(through, np.zeros(b), np.zeros(b, dtype=np.int64), np.zeros(b, dtype=np.bool_))]

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        if local is None or not self.keyed.has[local]:
            return {}
        return {
            "previous value": plain_value(float(self.keyed.value[local])),
            "previous time": format_rfc3339(int(self.keyed.time[local])),
        }

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        return "" if before else "it is the first of its group: there is nothing to compare it with"

    def resumed(self, now: int) -> None:
        """What comes next is a new base."""
        self.keyed.has[:] = False

    def _derive(self, through: GroupedView, value: FloatArray, time: IntArray, has: BoolArray) -> Frame | Batches:
        """`value`, `time`, `has`: each group's base, by local number; brought forward here."""
        points, p = through.points, self.properties
        n = len(points)
        if not n:
            return through.source
        number, good = _numbers(points.column(p.field), n)
        if not good.all():
            self.context.error("cannot perform derivative: field is the wrong type", int(n - good.sum()))
        order = through.order()
        rows, before = grouped_view.previous(order.order, order, good)
        inner = before >= 0
        group = through.group[rows]
        was = np.where(inner, number[before], value[group])
        then = np.where(inner, points.time[before], time[group])
        known = inner | has[group]
        passed = elapsed(points.time[rows], then)
        still = known & (passed == 0)
        if still.any():
            self.context.error("cannot perform derivative: elapsed time was 0", int(still.sum()))
        change = number[rows] - was
        emitted = known & ~still
        if p.non_negative:
            emitted &= ~(change < 0) & (passed > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = change / (passed.astype(np.float64) / float(p.unit))
        last = np.append(~inner[1:], True) if len(rows) else inner
        value[group[last]], time[group[last]], has[group[last]] = number[rows[last]], points.time[rows[last]], True
        out, kept = np.zeros(n), np.zeros(n, dtype=np.bool_)
        out[rows], kept[rows] = rate, emitted
        return through.out(points.with_columns({p.as_: Column(Kind.FLOAT, out, kept)}), kept)


def _numbers(column: Column | None, n: int) -> tuple[FloatArray, BoolArray]:
    """A column's numbers as float64[n], and which rows have one: ints and floats only."""
    if column is None or column.kind not in (Kind.FLOAT, Kind.INT, Kind.MIXED):
        return np.zeros(n), np.zeros(n, dtype=np.bool_)
    if column.kind is not Kind.MIXED:
        return column.values.astype(np.float64), column.mask()
    values = column.tolist()
    good = np.array([type(v) in (int, float) for v in values], dtype=np.bool_)
    return np.array([float(v) if ok else 0.0 for v, ok in zip(values, good, strict=True)]), good  # type: ignore[arg-type]
