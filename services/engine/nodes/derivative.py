"""derivative: how fast a field changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.engine import passage
from services.engine.column import BoolArray, Column, FloatArray, IntArray, Kind
from services.engine.frame import Barriers, Batches, Frame, Message
from services.engine.node import Context, Groups, Node, State
from services.engine.passage import Passage
from services.engine.segments import grown
from services.engine.times import elapsed
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, argument, flag, prop


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


class DerivativeNode(Node):
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

    properties: DerivativeProperties

    def __init__(self, properties: DerivativeProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._groups = Groups(context.table)
        self._value: FloatArray = np.empty(0)
        self._time: IntArray = np.empty(0, dtype=np.int64)
        self._has: BoolArray = np.empty(0, dtype=np.bool_)

    def groups_alive(self) -> int:
        return len(self._groups)

    def frame(self, frame: Frame) -> Sequence[Message]:
        through = passage.stream(frame, self._groups)
        self._reach(len(self._groups))
        return [self._derive(through, self._value, self._time, self._has)]

    def batches(self, batches: Batches) -> Sequence[Message]:
        through = passage.anew(batches, self._groups)
        b = len(batches)
        return [self._derive(through, np.zeros(b), np.zeros(b, dtype=np.int64), np.zeros(b, dtype=np.bool_))]

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        left = self._groups.told(barriers)
        if left is not None:
            self._reach(len(self._groups))
            self._value, self._time, self._has = self._value[left], self._time[left], self._has[left]
            self._groups.keep(left)
        return [barriers]

    def resumed(self, now: int) -> None:
        """What comes next is a new base."""
        self._has[:] = False

    def state(self) -> State:
        size = len(self._groups)
        self._reach(size)
        bases = {"value": self._value[:size], "time": self._time[:size], "has": self._has[:size]}
        return {"groups": self._groups.state(), **bases}

    def restore(self, state: State) -> None:
        self._groups.restore(state["groups"])
        self._value = np.array(state["value"], dtype=np.float64)
        self._time = np.array(state["time"], dtype=np.int64)
        self._has = np.array(state["has"], dtype=np.bool_)

    def _reach(self, size: int) -> None:
        self._value, self._time = grown(self._value, size), grown(self._time, size)
        self._has = grown(self._has, size, False)

    def _derive(self, through: Passage, value: FloatArray, time: IntArray, has: BoolArray) -> Frame | Batches:
        """`value`, `time`, `has`: each group's base, by local number; brought forward here."""
        points, p = through.points, self.properties
        n = len(points)
        if not n:
            return through.source
        number, good = _numbers(points.column(p.field), n)
        if not good.all():
            self.context.error("cannot perform derivative: field is the wrong type", int(n - good.sum()))
        order = through.order()
        rows, before = passage.previous(order.order, order, good)
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
