"""influxDBOut: write points to InfluxDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from grammar.influxql.query import quoted
from services.engine.effects import Output
from services.engine.frame import Batches, Frame, Message
from services.engine.influxdb import Writer
from services.engine.lineprotocol.messages import lines_of
from services.engine.node import Context, Node, State, TaskFailed
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, flag, prop, putting

_PRECISIONS = {
    "": ("n", 1),
    "n": ("n", 1),
    "ns": ("n", 1),
    "u": ("u", 10**3),
    "us": ("u", 10**3),
    "µs": ("u", 10**3),
    "ms": ("ms", 10**6),
    "s": ("s", 10**9),
    "m": ("m", 60 * 10**9),
    "h": ("h", 3600 * 10**9),
}


@dataclass
class InfluxDBOutProperties(Properties):
    cluster: str = prop(Type.STRING, default="", doc="The name of a configured cluster; the default one unless set.")
    database: str = prop(Type.STRING, default="", doc="The database to write to; the points' own unless set.")
    retention_policy: str = prop(
        Type.STRING,
        default="",
        doc="The retention policy to write to; the points' own unless set, the database's default if they have none.",
    )
    measurement: str = prop(Type.STRING, default="", doc="The measurement of all points; their own unless set.")
    write_consistency: str = prop(
        Type.STRING, default="", doc="How many servers must have it: any, one, quorum or all."
    )
    precision: str = prop(Type.STRING, default="", doc="The unit of the times: ns, us, ms, s, m or h; ns unless set.")
    buffer: int = prop(Type.INT, default=1000, doc="How many points are written together.")
    flush_interval: int = prop(Type.DURATION, default=10 * 10**9, doc="How long points wait to become that many.")
    create: bool = flag(doc="Create the database, with that retention policy, when the task starts.")
    tags: dict[str, str] = putting(Type.STRING, name="tag", doc="A tag that all points get.")

    def check(self) -> None:
        if self.precision not in _PRECISIONS:
            raise ValueError(f"invalid precision {self.precision!r}, must be one of ns, us, ms, s, m and h")


class InfluxDBOutNode(Node):
    """Writes each point, of a batch each of its points, to InfluxDB 1.x. Data never waits for it.

    Points are written `buffer` at a time (a batch is not parted), after `flushInterval` at the latest, and when the
    task ends. A server that cannot be reached or is in trouble is tried again and again, with growing pauses; what it
    refuses is dropped. Where more than 32 MB wait, the oldest are dropped. What waits is kept by snapshots: after a
    crash points may be written twice, which changes nothing in InfluxDB.

    Nulls, NaN and infinities are left out, durations and times become strings, and a point without any field is dropped
    with an error. Counts points_written and write_errors (failed tries).
    """

    spec = NodeSpec(
        name="influxDBOut",
        type_name="InfluxDBOutNode",
        properties=InfluxDBOutProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.NONE,
        prefix="influxdb_out",
        leaf=True,
        doc=__doc__ or "",
    )

    properties: InfluxDBOutProperties

    def __init__(self, properties: InfluxDBOutProperties, context: Context) -> None:
        super().__init__(properties, context)
        p = properties
        client = context.around.influxdb.get(p.cluster)
        if client is None:
            raise TaskFailed(f"failed to get InfluxDB client: no such InfluxDB config {p.cluster}")
        context.statistics.more.update(points_written=0, write_errors=0)
        precision, self._unit = _PRECISIONS[p.precision]
        parameters = {"precision": precision, "consistency": p.write_consistency}
        self._writer = Writer(client, parameters, p.buffer, p.flush_interval / 1e9, self._written, self._failed)
        if p.create:
            name = f" WITH NAME {quoted(p.retention_policy)}" if p.retention_policy else ""
            self._writer.command(f"CREATE DATABASE {quoted(p.database)}{name}")
        self._waits = p.create  # for the first tick, to begin without any data
        self._ending = False

    def frame(self, frame: Frame) -> Sequence[Message]:
        lines = self._lines(frame)
        numbers, series_of = np.unique(frame.points.series, return_inverse=True)
        targets = [self._target(n) for n in numbers.tolist()]
        if len(set(targets)) == 1:
            self._add(targets[0], lines, whole=False)
            return []
        apart: dict[tuple[str, str], list[bytes]] = {}
        for line, number in zip(lines, series_of.tolist(), strict=True):
            apart.setdefault(targets[number], []).append(line)
        for target, some in apart.items():
            self._add(target, some, whole=False)
        return []

    def batches(self, batches: Batches) -> Sequence[Message]:
        lines, offsets = self._lines(batches), batches.offsets.tolist()
        target = (self.properties.database, self.properties.retention_policy)
        for begin, end in pairwise(offsets):
            self._add(target, lines[begin:end], whole=True)
        return []

    def next_tick(self) -> int | None:
        return 1 if self._waits else None

    def tick(self, now: int) -> Sequence[Message]:
        self._waits = False
        self._kick()
        return []

    def outstanding(self) -> int:
        return self._writer.outstanding

    def finish(self) -> Sequence[Message]:
        self._ending = True
        self._writer.seal()
        self._kick()
        return []

    def close(self) -> None:
        self._writer.close(drain=self._ending)

    def state(self) -> State:
        return {"waiting": self._writer.state()}

    def restore(self, state: State) -> None:
        self._writer.restore(state["waiting"])
        self._waits = True

    def _lines(self, message: Frame | Batches) -> list[bytes]:
        p = self.properties
        return lines_of(message, self.context.table, p.measurement, p.tags, self._unit)

    def _target(self, number: int) -> tuple[str, str]:
        series, p = self.context.table.series(number), self.properties
        return p.database or series.database, p.retention_policy or series.retention_policy

    def _add(self, target: tuple[str, str], lines: list[bytes], *, whole: bool) -> None:
        kept = [line for line in lines if line]
        self.context.error("a point without fields cannot be written", len(lines) - len(kept))
        self._writer.add(target, kept, whole=whole)
        self._kick()

    def _kick(self) -> None:
        self.context.effect(Output(self._writer.kick))

    def _written(self, count: int) -> None:
        self.context.statistics.more["points_written"] += count

    def _failed(self, reason: str) -> None:
        self.context.statistics.more["write_errors"] += 1
        self.context.error(f"failed to write points to InfluxDB: {reason}")
