"""A running task: its graph with live nodes, stepped through by slices of the log and by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from services.bus.subjects import write_subject
from services.engine.column import IntArray
from services.engine.context import NodeContext
from services.engine.effects import Effect, Failure
from services.engine.external import ExternalNode
from services.engine.frame import Batches, Frame, Message, Step
from services.engine.influxdb import Client
from services.engine.intake import Slice
from services.engine.late import Late
from services.engine.lateness import Lateness
from services.engine.node import Node, State, TaskFailed, no_name_too_long
from services.engine.posting import PostEndpoint
from services.engine.series import SeriesTable
from services.engine.statistics import shown
from services.engine.timed import Timed
from services.log import Log
from services.pipeline.demand import demands
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.sources import BATCH
from services.pipeline.spec import Edge

T = TypeVar("T")

STATE_VERSION = 2
_FINISH, _PAUSE = 2.0, 0.005  # seconds: how long a task that ends waits for what is outside, and how often it looks


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a task's nodes are given of the world: who serves, and how alert topics stood when the task started.

    levels: topic -> alert id -> (level 0…3, time ns of the event, duration ns).
    post_endpoints: where httpPost nodes may post to by name.
    influxdb: the clusters by name, "" for the default one.
    clusters: what the autoscale nodes scale: kubernetes, swarm and ec2, each its configuration sections by id.
    replay: the id of the replay that the task runs in, "" for the live task.
    group_idle_age: after how long (ns) without a point a group is forgotten; 0: never.
    """

    hostname: str = "localhost"
    cluster_id: str = ""
    server_id: str = ""
    levels: Mapping[str, Mapping[str, tuple[int, int, int]]] = field(default_factory=dict)
    post_endpoints: Mapping[str, PostEndpoint] = field(default_factory=dict)
    influxdb: Mapping[str, Client] = field(default_factory=dict)
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    replay: str = ""
    group_idle_age: int = 0


class TaskRun:
    """One task under way. Not safe for several threads; the worker steps its tasks one after another."""

    def __init__(
        self,
        task_id: str,
        graph: Graph,
        dbrps: Iterable[tuple[str, str]],
        classes: Mapping[str, type[Node]],
        table: SeriesTable,
        log: Log,
        around: Surroundings | None = None,
        began: int | None = None,
    ) -> None:
        """began: when it was enabled, ns, however often it has been taken up since; None: only now.

        Raises TaskFailed where a node cannot start.
        """
        self.id = task_id
        self.graph = graph
        self.dbrps = frozenset(dbrps)
        for dbrp in self.dbrps:
            with no_name_too_long("dbrp"):
                write_subject(*dbrp)
        self.table = table
        self.log = log
        self.around = around or Surroundings()
        self.began = began
        self.effects: list[Effect] = []
        self.failure: str | None = None
        self.current = _NO_STEP
        self.started_ns = time.time_ns()
        wanted = demands(graph)
        order = list(graph.topological())
        place = {n.number: i for i, n in enumerate(order)}
        self._nodes: list[Node] = []
        self._contexts: list[NodeContext] = []
        for n in order:
            context = NodeContext(self, n, wanted.get(n.name))
            self._contexts.append(context)
            self._nodes.append(classes[n.spec.name](n.properties, context))
        self._lateness = [
            Lateness(table, len(n.parents), n.spec.late_on) if n.spec.late and n.spec.late_on else None for n in order
        ]
        self._parents = [[place[p.number] for p in n.parents] for n in order]
        self._children = [len(n.children) for n in order]
        self._by_name = {n.name: i for i, n in enumerate(order)}
        self._watchers: dict[int, list[Node]] = {}
        for live in self._nodes:
            if (watched := live.watched()) is not None:
                self._watchers.setdefault(self._by_name[watched], []).append(live)
        self.measurements = measurements_of(graph)
        self.streams = self.dbrps if graph.edge is Edge.STREAM else frozenset[tuple[str, str]]()
        """The databases and retention policies whose writes come in: a batch task only asks for what is there."""
        self.inhibits = any(getattr(n.properties, "inhibitors", ()) for n in order)
        """Whether alerts of this task may inhibit others."""
        queries = frozenset(self._by_name[name] for name in self.queries)
        self._timed = Timed(self._nodes, self._parents, self._children, queries)
        self._late = Late(self._nodes, self._parents)
        self._is_late = frozenset(self._late.nodes)
        self.clock: int | None = None
        """What the run's clock says, ns, where that matters to some node; None: it has not begun."""
        self._ticked = 0  # the number of the last tick that has set something off
        self._due: int | None = None  # of the clocked nodes' ticks the first, while `_due_known`
        self._due_known = False
        if began is not None:
            self.begin(began)

    def context(self, name: str) -> NodeContext:
        """The context of the node of this name."""
        return self._contexts[self._by_name[name]]

    def wants(self, database: str, retention_policy: str) -> bool:
        """Whether writes to this database and retention policy come in."""
        return (database, retention_policy) in self.streams

    def attach(self, wake: Callable[[], None]) -> None:
        """Begin what the task's nodes have done outside; `wake` is called, in any thread, when `next_tick` is due."""
        for node in self._late.external:
            node.attach(wake)

    @property
    def timed(self) -> bool:
        """Whether anything but points can set something off in this task."""
        return bool(self._timed.clocked or self._timed.outside)

    @property
    def clocked(self) -> bool:
        """Whether the run's clock can set something off in this task."""
        return bool(self._timed.clocked)

    @property
    def unanswered(self) -> bool:
        """Whether something is held back until an answer comes from outside."""
        return self._late.waiting or any(node.unanswered() for node in self._nodes)

    @property
    def outstanding(self) -> int:
        """How much of what nodes have handed over is not yet done outside."""
        return sum(node.outstanding() for node in self._nodes)

    @property
    def waiting(self) -> bool:
        """Whether steps wait for something that is done outside. They are part of the task's state."""
        return self._late.waiting

    @property
    def full(self) -> bool:
        """Whether so many wait that no more should be begun."""
        return self._late.full

    def step(
        self, piece: Slice, measurements: frozenset[int] | None, after: int = 0, until: int | None = None
    ) -> list[Effect]:
        """One slice of the log through the graph; gives what is to be done outside.

        `measurements`: numbers of those in `self.measurements`. Rows of messages up to sequence `after`, and of those
        behind `until`, are left out. Raises TaskFailed where a node ends the task.
        """
        frame = piece.select(measurements)
        if frame is None:
            return []
        seq = piece.step.seq
        if seq[0] <= after or (until is not None and seq[-1] > until):
            mine = seq[frame.cause]
            frame = frame.take(np.flatnonzero((mine > after) & (mine <= (seq[-1] if until is None else until))))
            if not len(frame):
                return []
        if self._timed.clocked:
            return self._by_clock(piece.step, frame)
        return self._go(piece.step, {0: [frame]})

    @property
    def queries(self) -> list[str]:
        """The names of a batch task's query nodes, in the order of the script."""
        return [child.name for source in self.graph.sources() if source.spec is BATCH for child in source.children]

    def feed(self, query: str, batches: Batches, seq: int, moments: IntArray) -> list[Effect]:
        """A replay's batches instead of what a query node would ask for; gives what is to be done outside.

        seq: the number of the first of them in the replay, from 1 on. moments: int64[b], when each comes (ns).
        Raises TaskFailed where a node ends the task.
        """
        i, b = self._by_name[query], batches
        rows = np.arange(len(b), dtype=np.int64)
        self.begin(int(moments[0]))
        self.goes_to(int(moments[-1]))
        self.current = Step(seq + rows, np.zeros(len(b), dtype=np.int32), moments, int(moments[-1]))
        self._contexts[i].statistics.collected += len(b)
        return self._go(self.current, {i: [Batches(b.points, b.offsets, b.group, b.names, b.tmax, b.dimensions, rows)]})

    def begin(self, now: int) -> None:
        """Let the run's clock begin at `now` (ns), unless it has."""
        if self.clock is None:
            self.resume(now)

    def resume(self, now: int) -> None:
        """Let the run's clock go on at `now` (ns): what was between is a pause, of which nobody can say what was."""
        if self._timed.clocked:
            for i in self._timed.resumed:
                self._nodes[i].resumed(now)
            self._due_known = False
            self.goes_to(now)

    def goes_to(self, now: int) -> None:
        """The run's clock says `now` (ns), before which nothing was due; it does not go back."""
        self.clock = now if self.clock is None else max(self.clock, now)

    def next_tick(self) -> int | None:
        """When (ns) `tick` is to be called next."""
        return min((t for t in (self.next_due(), self.next_outside()) if t is not None), default=None)

    def next_due(self) -> int | None:
        """When (ns) the run's clock sets something off next."""
        if not self._due_known:
            self._due = min(self._waiting(self._timed.clocked).values(), default=None)
            self._due_known = True
        return self._due

    def next_outside(self) -> int | None:
        """When (ns) to call for what comes from outside, a time that has passed where something has come."""
        return min(self._waiting(self._timed.outside).values(), default=None)

    def reach(self, moments: IntArray, at: int) -> int:
        """How many of n rows can go through in one step that begins with one of them; gives the end of it.

        moments: int64[n] ns, when each comes, never falling. Everything that is due before that one must be done.
        """
        first = int(moments[at])
        ends = (self.next_due(), None if self._timed.soonest is None else first + self._timed.soonest)
        end = min((t for t in ends if t is not None), default=None)
        if end is None or int(moments[-1]) < end:
            return len(moments)
        return max(int(np.searchsorted(moments, end, "left")), at + 1)

    def tick(self, now: int) -> list[Effect]:
        """It is `now` (ns), by the run's clock and outside: what is due is done, what has come is taken in."""
        return self.advance(now) + self.take_in(now)

    def advance(self, to: int) -> list[Effect]:
        """The run's clock has come to `to` (ns): what was due on the way is done, each at its time, one after another.

        Nothing that was due by then may come behind what points of a later moment have set off.
        """
        effects: list[Effect] = []
        while self.failure is None and (due := self.next_due()) is not None and due <= to:
            self.goes_to(due)
            # where a node had to wait for something outside, its tick comes behind others
            step = self.current = _tick(self.clock or due, max(due, self._ticked + 1))
            ready = [i for i, t in self._waiting(self._timed.clocked).items() if t <= due]
            given = {i: list(self._guarded(i, self._nodes[i].tick, due)) for i in ready}
            self._due_known = False
            if any(given.values()):
                self._ticked = step.tick
            effects += self._go(step, given)
        if self._timed.clocked:
            self.goes_to(to)
        return effects

    def take_in(self, now: int) -> list[Effect]:
        """Take in what has come from outside by `now` (ns), and ask for what is to be asked by then."""
        effects: list[Effect] = []
        for i, due in self._waiting(self._timed.outside).items():
            if due > now or self.failure is not None:
                continue
            alone = i in self._timed.alone
            number = due if alone else max(due if i in self._timed.queries else now, self._ticked + 1)
            step = self.current = _tick(now, number)
            given = {i: list(self._guarded(i, self._nodes[i].tick, now))}
            if given[i] and not alone:
                self._ticked = number
            effects += self._go(step, given)
        return effects

    def finish(self, now: int) -> list[Effect]:
        """The task ends: what nodes hold back until then flows out, from the sources down.

        What has to go through something outside is waited for, but not for long.
        """
        step = self.current = _tick(now, max(now, self._ticked + 1))
        self._ticked = step.tick
        effects: list[Effect] = []
        for i, node in enumerate(self._nodes):
            self.current = step
            effects += self._go(step, {i: list(self._guarded(i, node.finish))})
            until = time.monotonic() + _FINISH
            while self._late.waiting and time.monotonic() < until:
                time.sleep(_PAUSE)
                effects += self.take_in(now)
        return effects

    def close(self) -> None:
        """Let go of what nodes hold."""
        for node in self._nodes:
            node.close()

    def nodes(self) -> list[tuple[GraphNode, Node]]:
        """The live nodes beside their places in the graph, in topological order."""
        return list(zip(self.graph.topological(), self._nodes, strict=True))

    def endpoint(self, name: str) -> Any:
        """What the httpOut node of this endpoint shows: a result as plain data. KeyError where there is none."""
        for node in self._nodes:
            if getattr(node, "endpoint", None) == name:
                return node.result()  # type: ignore[attr-defined]
        raise KeyError(name)

    def endpoints(self) -> list[str]:
        """The endpoints of this task's httpOut nodes."""
        return [e for n in self._nodes if (e := getattr(n, "endpoint", None)) is not None]

    def flaw(self) -> str | None:
        """What ends the task as soon as it runs: as the reference has it, only then do its endpoints clash."""
        seen: set[str] = set()
        for context, node in zip(self._contexts, self._nodes, strict=True):
            endpoint = getattr(node, "endpoint", None)
            if endpoint in seen:
                return f"{context.node}: the endpoint {endpoint} is shown by another node of this task already"
            if endpoint is not None:
                seen.add(endpoint)
        return None

    def statistics(self) -> dict[str, Any]:
        """`stats` as the API shows it; with the `error` of a task that goes on in spite of it."""
        counts = [(c.node, c.statistics, n.groups_alive()) for c, n in zip(self._contexts, self._nodes, strict=True)]
        return shown(self.graph, counts, (time.time_ns() - self.started_ns) / 1e9)

    def state(self) -> State:
        """All that later output depends on, as plain data."""
        return {
            "version": STATE_VERSION,
            "nodes": {c.node: n.state() for c, n in zip(self._contexts, self._nodes, strict=True)},
            "counts": {
                c.node: [c.statistics.collected, c.statistics.emitted, c.statistics.errors, c.statistics.more]
                for c in self._contexts
            },
            "late": self._late.state([c.node for c in self._contexts], self.table),
            "newest": {c.node: n.state() for c, n in zip(self._contexts, self._lateness, strict=True) if n is not None},
            "clock": self.clock,
            "ticked": self._ticked,
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave. ValueError where it is of another version or another graph."""
        if state.get("version") != STATE_VERSION or set(state["nodes"]) != set(self._by_name):
            raise ValueError(f"the saved state of task {self.id} is not one of this graph")
        newest = state.get("newest", {})
        for context, node, lateness in zip(self._contexts, self._nodes, self._lateness, strict=True):
            node.restore(state["nodes"][context.node])
            if lateness is not None and context.node in newest:
                lateness.restore(newest[context.node])
            s = context.statistics
            s.collected, s.emitted, s.errors, more = state["counts"][context.node]
            s.more = dict(more)
        self._late.restore(state.get("late", ()), self._by_name, self.table)
        self.clock, self._ticked = state.get("clock"), state.get("ticked", 0)
        self._due_known = False

    def _by_clock(self, step: Step, frame: Frame) -> list[Effect]:
        """Points of the log, and in between what the run's clock sets off: not before all that came before it."""
        moments = np.maximum.accumulate(step.moment[frame.cause])
        self.begin(int(moments[0]))
        effects: list[Effect] = []
        at, n = 0, len(frame)
        while at < n and self.failure is None:
            effects += self.advance(int(moments[at]))
            end = self.reach(moments, at)
            part = frame if end - at == n else frame.take(np.arange(at, end))
            self.goes_to(int(moments[end - 1]))
            effects += self._go(replace(step, now=self.clock or 0), {0: [part]})
            at = end
        return effects

    def _waiting(self, timed: Iterable[int]) -> dict[int, int]:
        """Which of some nodes wait to be called, and when (ns): while steps wait, those below wait as well."""
        found: dict[int, int] = {}
        for i in timed:
            if self._late.waiting and i in self._is_late and not isinstance(self._nodes[i], ExternalNode):
                continue
            if (tick := self._nodes[i].next_tick()) is not None:
                found[i] = tick
        return found

    def _go(self, step: Step, given: Mapping[int, list[Message]]) -> list[Effect]:
        """Messages that some nodes emit (for node 0: take in) flow down the graph, each node run once."""
        self._due_known = False
        if any(given.values()):
            out: list[Sequence[Message]] = [()] * len(self._nodes)
            for i in range(len(self._nodes)):
                if i in self._is_late:
                    continue
                emitted: list[Message] = []
                inputs = [out[p] for p in self._parents[i]]
                if i == 0 and 0 in given:
                    inputs = [given[0]]
                if any(inputs):
                    emitted = self._visit(i, step, inputs)
                if i and i in given:
                    emitted = emitted + self._emitted(i, given[i])
                out[i] = emitted
            if self._is_late:
                self._late.add(step, out, {i: self._emitted(i, m) for i, m in given.items() if i in self._is_late})
        if self._late.waiting:
            self._late.advance(self._visit, self._answer)
        return self._take_effects()

    def _visit(self, i: int, step: Step, inputs: list[Sequence[Message]]) -> list[Message]:
        """Run one node in a step on what its parents have emitted."""
        statistics = self._contexts[i].statistics
        self.current = step
        statistics.collected += sum(map(_count, inputs))
        begun = time.perf_counter_ns()
        if (lateness := self._lateness[i]) is not None and (late := lateness.count(inputs)):
            statistics.count("late_points", late)
        emitted: list[Message] = self._guarded(i, self._nodes[i].run, inputs)
        statistics.busy_ns += time.perf_counter_ns() - begun
        return self._emitted(i, emitted)

    def _answer(self, node: ExternalNode, i: int, step: Step) -> list[Message] | None:
        """What comes of a step in a node whose work is done outside; None: not known yet."""
        self.current = step
        answer = self._guarded(i, node.answer)
        return None if answer is None else self._emitted(i, answer)

    def _guarded(self, i: int, call: Callable[..., T], *arguments: Any) -> T:
        """Call a node; what breaks in it ends the task and nothing else."""
        try:
            return call(*arguments)
        except TaskFailed:
            raise
        except Exception as e:
            self.log.exception("a node broke", e, task=self.id, node=self._contexts[i].node)
            raise TaskFailed(f"{self._contexts[i].node}: internal error: {type(e).__name__}: {e}") from e

    def _emitted(self, i: int, messages: Sequence[Message]) -> list[Message]:
        """What a node emits, empty frames and batches left out, counted."""
        kept = [m for m in messages if not isinstance(m, Frame | Batches) or len(m)]
        if kept:
            self._contexts[i].statistics.emitted += _count(kept) * self._children[i]
            for watcher in self._watchers.get(i, ()):
                watcher.saw(kept)
        return kept

    def _take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        if self.failure is not None:
            effects.append(Failure(self.failure))
        return effects


def _count(messages: Sequence[Message]) -> int:
    return sum(len(m) for m in messages if isinstance(m, Frame | Batches))


def _tick(now: int, number: int) -> Step:
    return Step(_NOTHING, np.empty(0, dtype=np.int32), _NOTHING, now, number)


_NOTHING = np.empty(0, dtype=np.int64)
_NO_STEP = _tick(0, 0)


def measurements_of(graph: Graph) -> frozenset[str] | None:
    """The measurements that the graph's `from` nodes name; None where one of them takes all."""
    names: set[str] = set()
    for source in graph.sources() if graph.edge is Edge.STREAM else ():
        for child in source.children if source.spec.head else ():
            name = getattr(child.properties, "measurement", None)
            if not name:
                return None
            names.add(name)
    return frozenset(names)
