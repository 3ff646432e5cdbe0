"""influxDBOut: write points to InfluxDB.

In a run in which nothing is done outside it tells what it would write (services.runtime.effects.Withheld), of a stream
each point, of batches each batch, as

    {"cluster", "database", "retention-policy", "precision", "lines": [line protocol]}

with an empty precision for ns; and before the first of them, where it is to `create` the database, what does that:

    {"cluster", "command"}
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from grammar.influxql.query import quote_name
from services.columns.frame import Batches, Frame, Message
from services.columns.groups.keyed_state import Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.places import Place, Placed, PlaceSequence, latest, rising
from services.columns.snapshot import State
from services.connectors.influxdb import Body, InfluxDBWriter, Target
from services.lineprotocol.messages import lines_of
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, flag, prop, putting
from services.runtime.context import Context
from services.runtime.effects import Output, Withheld
from services.runtime.errors import TaskFailed
from services.runtime.node import Node

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

    def keeps_groups(self) -> bool:
        return False


class InfluxDBOutNode(Node):
    """Writes each point, of a batch each of its points, to InfluxDB: 1.x, and 2.x by the databases that its buckets are
    mapped to and a token in [[influxdb]]. Data never waits for it.

    Points are written `buffer` at a time (a batch is not parted), after `flushInterval` at the latest, and when the
    task ends. A server that cannot be reached or is in trouble is tried again and again, with growing pauses; what it
    refuses is dropped. Where more than 32 MB wait, the oldest are dropped. What was not written is written after a
    restart, what was is not written again: only a write that was under way when the engine was killed may come twice,
    which changes nothing in InfluxDB.

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
        client = context.environment.influxdb.get(p.cluster)
        if client is None:
            raise TaskFailed(f"failed to get InfluxDB client: no such InfluxDB config {p.cluster}")
        context.statistics.more.update(points_written=0, write_errors=0)
        precision, self._unit = _PRECISIONS[p.precision]
        if precision == "n":
            precision = ""  # the default, for which 2.x has another name
        parameters = {"precision": precision, "consistency": p.write_consistency}
        self._writer = InfluxDBWriter(
            client, parameters, p.buffer, p.flush_interval / 1e9, self._written, self._failed, self._done
        )
        self._places = PlaceSequence()
        self._delivered = context.environment.deliveries(context.node)
        self._dry, self._precision = context.environment.dry, precision
        self._command = ""
        if p.create:
            name = f" WITH NAME {quote_name(p.retention_policy)}" if p.retention_policy else ""
            self._command = f"CREATE DATABASE {quote_name(p.database)}{name}"
            if not self._dry:
                self._writer.command(self._command)
        self._waits = p.create and not self._dry  # for the first tick, to begin without any data
        self._ending = False

    def frame(self, frame: Frame) -> Sequence[Message]:
        lines = self._lines(frame)
        if self._dry:
            for line, number, time in zip(lines, frame.points.series.tolist(), frame.points.time.tolist(), strict=True):
                self._withhold(self._target(number), [line], time)
            return []
        places = self._places_of(frame)
        numbers, series_of = np.unique(frame.points.series, return_inverse=True)
        targets = [self._target(n) for n in numbers.tolist()]
        if len(set(targets)) == 1:
            self._add(targets[0], lines, range(len(lines)), places)
            return []
        apart: dict[Target, list[int]] = {}
        for i, number in enumerate(series_of.tolist()):
            apart.setdefault(targets[number], []).append(i)
        for target, rows in apart.items():
            self._add(target, [lines[i] for i in rows], rows, places)
        return []

    def batches(self, batches: Batches) -> Sequence[Message]:
        lines, offsets = self._lines(batches), batches.offsets.tolist()
        target = (self.properties.database, self.properties.retention_policy)
        if self._dry:
            for time, (begin, end) in zip(batches.tmax.tolist(), pairwise(offsets), strict=True):
                self._withhold(target, lines[begin:end], time)
            return []
        places = self._places_of(batches)
        for number, (begin, end) in enumerate(pairwise(offsets)):
            self._add(target, lines[begin:end], [number] * (end - begin), places, whole=True)
        return []

    def next_tick(self) -> int | None:
        return 1 if self._waits else None

    def tick(self, now: int) -> Sequence[Message]:
        self._waits = False
        self._kick()
        return []

    def outstanding(self) -> int:
        return self._writer.outstanding

    async def hold(self) -> None:
        await self._writer.hold()

    def go_on(self) -> None:
        self._writer.go_on()

    def finish(self) -> Sequence[Message]:
        self._ending = True
        self._writer.seal()
        self._kick()
        return []

    def close(self) -> None:
        self._writer.close(drain=self._ending)

    def state(self) -> State:
        return {"waiting": self._writer.state(), "places": self._places.state()}

    def restore(self, state: State) -> None:
        if self._dry:  # what waits is the live task's to write
            self._command = ""
            return
        self._writer.restore(state["waiting"], self._was_written)
        if "places" in state:
            self._places.restore(state["places"])
        self._waits = True

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        states = super().split_state(state, sharing)
        waiting = [state["waiting"], *({"sealed": [], "open": []} for _ in states[1:])]
        places = {"places": state["places"]} if "places" in state else {}
        return [{**one, "waiting": w, **places} for one, w in zip(states, waiting, strict=True)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        sealed = [list(state["waiting"]["sealed"]) for state in states]
        opened = [list(state["waiting"]["open"]) for state in states]
        if len({(database, policy) for some in opened for database, policy, *_ in some}) < sum(map(len, opened)):
            # what one has gathered for a target cannot be gathered on with what another has
            for mine, some in zip(sealed, opened, strict=True):
                mine += [[db, rp, b"\n".join([*rows, b""]), len(rows), *last] for db, rp, rows, *last in some]
            opened = []
        # in one order, in which of each part's own none overtakes another
        merged = list(heapq.merge(*sealed, key=_latest_place))
        waiting = {"sealed": merged, "open": [target for some in opened for target in some]}
        places = {"places": latest(s["places"] for s in states)} if all("places" in s for s in states) else {}
        return {**super().join_states(states, table), "waiting": waiting, **places}

    def _places_of(self, message: Frame | Batches) -> Placed:
        return self._places.of(self.context.step, message.origin, self.context.environment.epochs)

    def _was_written(self, target: Target, place: Place) -> bool:
        """Whether a point was written before this worker went back to a snapshot."""
        return self._delivered.covers(place, _ordering_key(target))

    def _done(self, body: Body) -> None:
        for place in body.last:
            self._delivered.done(place, _ordering_key(body.target))

    def _lines(self, message: Frame | Batches) -> list[bytes]:
        p = self.properties
        return lines_of(message, self.context.table, p.measurement, p.tags, self._unit)

    def _target(self, number: int) -> tuple[str, str]:
        series, p = self.context.table.series(number), self.properties
        return p.database or series.database, p.retention_policy or series.retention_policy

    def _add(
        self, target: Target, lines: list[bytes], rows: Sequence[int], places: Placed, *, whole: bool = False
    ) -> None:
        """Have lines written. rows: the index of each one's place."""
        if not lines:
            return
        if self._was_written(target, places[rows[0]]):
            new = [i for i, row in enumerate(rows) if not self._was_written(target, places[row])]
            lines, rows = [lines[i] for i in new], [rows[i] for i in new]
        kept = [i for i, line in enumerate(lines) if line]
        if len(kept) < len(lines):
            self._error_without_fields(len(lines) - len(kept))
            lines, rows = [lines[i] for i in kept], [rows[i] for i in kept]
        self._writer.add(target, lines, lambda i: places[rows[i]], whole=whole)
        self._kick()

    def _withhold(self, target: Target, lines: Sequence[bytes], time: int) -> None:
        """Tell of what would have been written."""
        kept = [line.decode("utf-8", "replace") for line in lines if line]
        self._error_without_fields(len(lines) - len(kept))
        cluster, (database, retention_policy) = self.properties.cluster, target
        if self._command:
            self._tell({"cluster": cluster, "command": self._command}, time)
            self._command = ""
        if kept:
            of = {"cluster": cluster, "database": database, "retention-policy": retention_policy}
            self._tell({**of, "precision": self._precision, "lines": kept}, time)

    def _tell(self, what: dict[str, Any], time: int) -> None:
        self.context.effect(Withheld(self.context.node, "influxdb", time, what))

    def _error_without_fields(self, count: int) -> None:
        self.context.error("a point without fields cannot be written", count)

    def _kick(self) -> None:
        if self._dry:
            return
        self.context.effect(Output(self._writer.kick))

    def _written(self, count: int) -> None:
        self.context.statistics.more["points_written"] += count

    def _failed(self, reason: str) -> None:
        self.context.statistics.more["write_errors"] += 1
        self.context.error(f"failed to write points to InfluxDB: {reason}")


def _ordering_key(target: Target) -> str:
    return "\0".join(target)


def _latest_place(body: Sequence[Any]) -> tuple[bool, int, int, int]:
    """What orders the bodies that wait by the last of what is in them."""
    return max(map(rising, body[4] if len(body) > 4 else ()), default=rising(None))
