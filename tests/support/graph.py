"""Runs a TICKscript through the real thing, without NATS: what every node gave, snapshots at any point, the clock."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grammar.tickscript.parser import parse
from services.columns.column import Value
from services.columns.frame import Barriers, Batches, Frame, Message, Step
from services.columns.groups.series import SeriesTable
from services.engine.states.kept_states import snapshot_of, state_of, take
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.functions import FunctionSpec
from services.pipeline.spec import HandlerSpec
from services.process.log import Log
from services.runtime.async_node import AsyncNode
from services.runtime.effects import Alerts, Effect, Inhibition, TakeUp, Withheld, Write
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.input.line_protocol_decoder import LOOPBACKS, LineProtocolDecoder, LogBatch
from services.runtime.input.share import Share
from services.runtime.node import Node
from services.runtime.task import TaskRun
from services.store.state_chunks import StateChunk, digest_of

NOW = 1_700_000_000 * 10**9
"""When messages are stored, and the time of points that have none."""

Origin = tuple[int, ...]
"""(sequence, row) of the point that caused something, or (tick,)."""


class Point(NamedTuple):
    """A point on a stream edge."""

    name: str
    group: str
    tags: dict[str, str]
    time: int
    fields: dict[str, Value | None]
    origin: Origin


class Batch(NamedTuple):
    """A batch on a batch edge; points as (tags, time, fields)."""

    name: str
    group: str
    tags: dict[str, str]
    time: int
    points: list[tuple[dict[str, str], int, dict[str, Value | None]]]
    origin: Origin


class Barrier(NamedTuple):
    """A barrier, or the end of a group."""

    group: str
    time: int
    delete: bool
    origin: Origin
    for_joins: bool = False


Given = Point | Batch | Barrier


@dataclass(frozen=True)
class _Message:
    seq: int
    data: bytes
    time_ns: int
    headers: dict[str, str] | None


_parsed = functools.lru_cache(1000)(parse)


class MemoryChunks:
    """Keeps pieces of states in a dict."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def has(self, digest: bytes) -> bool:
        return digest in self.kept

    def keep(self, chunk: StateChunk) -> bytes:
        if chunk.digest is None or chunk.digest not in self.kept:
            data = bytes(chunk.make())
            chunk.digest = digest_of(data)
            self.kept[chunk.digest] = data
        return chunk.digest


class _Kept(Log):
    def __init__(self, lines: list[str]) -> None:
        super().__init__("engine")
        self._lines = lines

    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        if level >= logging.ERROR:
            why = f": {keys['err']}" if "err" in keys and "stack" not in keys else ""
            self._lines.append(msg + why + (" " + keys["stack"] if "stack" in keys else ""))


class ScriptRun:
    """One task. `out`: by node name, all that the node has given so far. `effects`: what was to be done outside.

    `reasons`: what has been logged, repetitions left out.
    """

    def __init__(
        self,
        script: str,
        *,
        dbrps: Iterable[tuple[str, str]] = (("db", "rp"),),
        handlers: Mapping[str, HandlerSpec] | None = None,
        precision: str = "n",
        environment: TaskEnvironment | None = None,
        functions: Iterable[FunctionSpec] = (),
        began: int | None = None,
        share: Share | None = None,
    ) -> None:
        self._script, self._dbrps, self._handlers = script, tuple(dbrps), dict(handlers or {})
        self._precision, self._environment, self._began = precision, environment, began
        self._share = share
        self._functions = {function.name: function for function in functions}
        self._woken = threading.Event()
        self._seq = 0
        self._last: tuple[LogBatch, frozenset[int] | None] | None = None
        self._chunks = MemoryChunks()
        self._deaf = False
        self.clock = NOW  # what is written is stored so many ns later as it has predecessors
        self.out: dict[str, list[Given]] = {}
        self.effects: list[Effect] = []
        self.reasons: list[str] = []
        self._start()
        self.run.attach(self._woken.set)

    def _start(self) -> None:
        self._last = None  # its numbers are of the table before
        self.table = SeriesTable()
        self.decoder = LineProtocolDecoder(self.table)
        graph = compile_script(_parsed(self._script), registry(self._handlers, self._functions)).graph
        log, environment = _Kept(self.reasons), self._environment
        self.run = TaskRun("t", graph, self._dbrps, classes(), self.table, log, environment, self._began, self._share)
        self.nodes: dict[str, Node] = {}
        for place, node in self.run.nodes():
            self.nodes[place.name] = node
            given = self.out.setdefault(place.name, [])
            for method in ("run", "tick", "finish", *(("answer",) if isinstance(node, AsyncNode) else ())):
                self._listen(node, method, given)

    def _listen(self, node: Node, method: str, given: list[Given]) -> None:
        original: Callable[..., Sequence[Message] | None] = getattr(node, method)

        def listening(*arguments: Any) -> Sequence[Message] | None:
            messages = original(*arguments)
            if messages is None or self._deaf:
                return messages
            for message in messages:
                given.extend(plain(message, self.table, self.run.current))
            return messages

        setattr(node, method, listening)

    def write(
        self, *bodies: str, db: str = "db", rp: str = "rp", loopbacks: int = 0, stored: Sequence[int] | None = None
    ) -> ScriptRun:
        """One step: some messages, each a body of line protocol, that reach the task as one frame.

        stored: when each was stored (ns); at about `clock` where that is left out.
        """
        headers = {"precision": self._precision} | ({LOOPBACKS: str(loopbacks)} if loopbacks else {})
        messages = []
        for i, body in enumerate(bodies):
            self._seq += 1
            time_ns = self.clock + self._seq if stored is None else stored[i]
            messages.append(_Message(self._seq, body.encode(), time_ns, headers))
        chunk, refused = self.decoder.decode(db, rp, messages)
        assert not refused, refused
        if chunk is not None:
            self._last = chunk, self._measurements(chunk)
            self.effects += self.run.step(chunk, self._measurements(chunk))
        return self

    def tick(self, now: int) -> ScriptRun:
        """The clock has reached `now` (ns): everything that waits for it happens, each at its time."""
        while (due := self.run.next_tick()) is not None and due <= now:
            self.effects += self.run.tick(due)
        return self

    def finish(self, now: int = NOW) -> ScriptRun:
        """The task ends."""
        self.effects += self.run.finish(now)
        return self

    def restart(self) -> ScriptRun:
        """As after a crash: a new task in a new process takes up the saved state.

        That was written only when the task had gone on already, and in part with the state before.
        """
        fresh = take("t", 0, {}, self.run.state())
        if self._last is not None and not self.run.waiting:
            self._deaf = True
            with contextlib.suppress(TaskFailed):
                self.run.step(*self._last)
            self._deaf = False
        snapshot = snapshot_of(fresh, self._chunks)
        return self.resume_from(state_of(snapshot, self._chunks.kept.__getitem__, []))

    def resume_from(self, state: dict[str, Any]) -> ScriptRun:
        """A new task in a new process takes up a state."""
        self.run.close()
        self._start()
        self.run.restore(state)
        self.run.attach(self._woken.set)
        return self

    def settle(self, until: Callable[[], bool] | None = None, seconds: float = 60.0) -> ScriptRun:
        """Wait for what is done outside: until no step waits for it, or for a condition. TaskFailed as it comes."""
        until = until or (lambda: not self.run.waiting)
        end = time.monotonic() + seconds
        while not until():
            self._woken.wait(0.05)
            self._woken.clear()
            self.tick(NOW)
            assert time.monotonic() < end, "it takes too long"
        return self

    def close(self) -> None:
        """Let go of what its nodes hold."""
        self.run.close()

    def last(self, name: str) -> list[Given]:
        """What the node of this name, or the last one of this kind, has given."""
        if name in self.out:
            return self.out[name]
        found = [n for n in self.out if n.rstrip("0123456789") == name]
        return self.out[max(found, key=lambda n: int(n[len(name) :]))]

    def endpoint(self, name: str) -> Any:
        """What an httpOut node shows."""
        return self.run.endpoint(name)

    def counts(self) -> dict[str, dict[str, int]]:
        """node-stats without the times."""
        nodes = self.run.statistics()["node-stats"]
        return {n: {k: v for k, v in s.items() if k != "avg_exec_time_ns"} for n, s in nodes.items()}

    def _measurements(self, chunk: LogBatch) -> frozenset[int] | None:
        names = self.run.measurements
        return None if names is None else frozenset(map(self.decoder.measurement, names))


def plain(message: Message, table: SeriesTable, step: Step) -> list[Given]:
    """A message as plain values, checked to be what frames, batches and barriers have to be."""
    assert (np.diff(message.origin) >= 0).all() or step.tick, "origins must not fall"
    origins = [_origin(c, step) for c in message.origin.tolist()]
    if isinstance(message, Barriers):
        return [
            Barrier(table.group(g).id, t, message.delete, c, message.for_joins)
            for g, t, c in zip(message.group.tolist(), message.time.tolist(), origins, strict=True)
        ]
    rows = message.points.rows()
    for name, column in message.points.columns().items():
        assert len(column) == len(message.points), name
    tags = [dict(table.series(s).tags) for s in message.points.series.tolist()]
    times = message.points.time.tolist()
    groups = [table.group(g) for g in message.group.tolist()]
    if isinstance(message, Frame):
        out: list[Given] = []
        assert len(message.group) == len(message.points) == len(origins)
        for i, group in enumerate(groups):
            name = table.series(int(message.points.series[i])).name
            for key, value in group.tags:
                assert tags[i].get(key, "") == value, "a point is not of its group"
            assert not group.by_name or group.name == name
            out.append(Point(name, group.id, tags[i], times[i], rows[i], origins[i]))
        return out
    assert isinstance(message, Batches)
    offsets = message.offsets.tolist()
    assert offsets[0] == 0 and offsets[-1] == len(rows) and len(offsets) == len(message) + 1
    batches: list[Given] = []
    for i, group in enumerate(groups):
        mine = [(tags[r], times[r], rows[r]) for r in range(offsets[i], offsets[i + 1])]
        batches.append(Batch(message.names[i], group.id, dict(group.tags), int(message.tmax[i]), mine, origins[i]))
    return batches


def _origin(origin: int, step: Step) -> Origin:
    return (step.tick,) if step.tick else (int(step.seq[origin]), int(step.row[origin]))


def one_by_one(lines: str) -> list[str]:
    """The lines of some line protocol."""
    return [line.strip() for line in lines.strip().splitlines() if line.strip()]


def plain_effects(effects: Sequence[Effect]) -> dict[str, list[Any]]:
    """Effects as plain values, in order for each node (alerts, what they inhibit, what is withheld) or target (writes).
    Other outputs are left out."""
    found: dict[str, list[Any]] = {}
    for effect in effects:
        if isinstance(effect, Alerts):
            found.setdefault(effect.node, []).extend(_events(effect))
        elif isinstance(effect, Inhibition):
            found.setdefault(f"{effect.node} inhibits", []).extend(_inhibitions(effect))
        elif isinstance(effect, TakeUp):
            found.setdefault(f"{effect.node} takes up", []).extend(_taken_up(effect))
        elif isinstance(effect, Write):
            found.setdefault(f"{effect.database}.{effect.retention_policy}", []).append(
                (effect.lines, effect.message_id)
            )
        elif isinstance(effect, Withheld):
            found.setdefault(f"{effect.node} withholds", []).append((effect.kind, effect.time, effect.what))
    return found


def _events(alerts: Alerts) -> list[dict[str, Any]]:
    events = []
    for i in range(len(alerts.level)):
        event: dict[str, Any] = {n: int(getattr(alerts, n)[i]) for n in ("level", "time", "duration")}
        event["identity"] = tuple(int(getattr(alerts, n)[i]) for n in ("seq", "row", "ordinal"))
        event["topics"], event["recoverable"] = alerts.topics, alerts.recoverable
        event["id"] = alerts.ids[alerts.id_of[i]]
        event["message"] = alerts.messages[alerts.message_of[i]]
        event["details"] = None if alerts.details is None else alerts.details[i]
        event["series"] = alerts.series[alerts.series_of[i]]
        event["fields"] = {n: c.value(i) for n, c in sorted(alerts.columns.items()) if c.mask()[i]}
        event["data"] = None if alerts.data is None else alerts.data[i]
        event["category"] = alerts.category
        event["moment"] = None if alerts.processing_time is None else int(alerts.processing_time[i])
        events.append(event)
    return events


def _taken_up(effect: TakeUp) -> list[tuple[Any, ...]]:
    """(topic, the topic it takes from, id, level, time, duration, identity) of each alert."""
    of = effect.event_ids
    event_ids = zip(of.seq.tolist(), of.row.tolist(), of.ordinal.tolist(), strict=True)
    found = zip(effect.ids, effect.stood, event_ids, strict=True)
    return [(effect.topic, effect.source, id, *stood, identity) for id, stood, identity in found]


def _inhibitions(effect: Inhibition) -> list[tuple[Any, ...]]:
    """(key, category, tags, whether it inhibits, identity, moment) of each change."""
    of = effect.event_ids
    event_ids = zip(of.seq.tolist(), of.row.tolist(), of.ordinal.tolist(), strict=True)
    changes = (effect.keys, effect.categories, effect.tags, effect.on, event_ids, of.processing_time.tolist())
    return list(zip(*changes, strict=True))
