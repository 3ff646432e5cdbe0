"""A running task: its graph with live nodes, stepped through by batches of the log and by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from services.bus.positions import WritesSeq
from services.bus.subjects import write_subject
from services.columns.column import IntArray
from services.columns.frame import Batches, Frame, Message, Step
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.pipeline.compiler.sources import BATCH
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.spec import Edge
from services.pipeline.tagless import Tagless
from services.process.log import Log
from services.runtime.async_node import AsyncNode
from services.runtime.effects import Effect, Failure
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import no_name_too_long
from services.runtime.flow.flow import Flow
from services.runtime.flow.ticked_nodes import TickedNodes
from services.runtime.input.line_protocol_decoder import LogBatch
from services.runtime.input.share import SeriesOfShare, Share
from services.runtime.node import Node
from services.runtime.node_context import NodeContext
from services.runtime.observer import Observer
from services.runtime.statistics import statistics_view

JUMP = 15 * 10**9
"""ns by which time goes back that are more than disorder: somebody has set a clock."""
STATE_VERSION = 3
_BEGINNING = WritesSeq(0)
_FINISH, _PAUSE = 2.0, 0.005  # seconds: how long a task that ends waits for what is outside, and how often it looks


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
        environment: TaskEnvironment | None = None,
        began: int | None = None,
        share: Share | None = None,
    ) -> None:
        """began: when it was enabled, ns, however often it has been taken up since; None: only now. share: of the
        points that come in, where others have the rest; None: all of them.

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
        self.environment = environment or TaskEnvironment()
        self.began = began
        self.share = None if share is None else SeriesOfShare(share, table)
        """Of the points that come in; None: it has all of them."""
        self.effects: list[Effect] = []
        self.failure: str | None = None
        self.current = _NO_STEP
        self.started = time.monotonic()
        self.tagless = Tagless()
        self._flow = Flow(self, graph, classes)
        self._nodes, self._contexts, self._pending = self._flow.nodes, self._flow.contexts, self._flow.pending
        self.measurements = graph.measurements()
        self.streams = self.dbrps if graph.edge is Edge.STREAM else frozenset[tuple[str, str]]()
        """The databases and retention policies whose writes come in: a batch task only asks for what is there."""
        self.inhibits = any(getattr(n.properties, "inhibitors", ()) for n in graph.nodes)
        """Whether alerts of this task may inhibit others."""
        queries = frozenset(self._flow.numbers[name] for name in self.queries)
        self._ticked_nodes = TickedNodes(self._nodes, self._flow.parents, self._flow.children, queries)
        self.clock: int | None = None
        """What the run's clock says, ns, where that matters to some node; None: it has not begun."""
        self._ticked = 0  # the number of the last tick that has set something off
        self._set_back = 0  # ns by which clocks were set back in all: numbers of ticks go on
        self._due: int | None = None  # of the clocked nodes' ticks the first, while `_due_known`
        self._due_known = False
        if began is not None:
            self.begin(began)
        table.keepers.add(self)

    def context(self, name: str) -> NodeContext:
        """The context of the node of this name."""
        return self._contexts[self._flow.numbers[name]]

    def observe(self, observer: Observer | None) -> None:
        """Have all that goes into nodes and comes out of them told, until another observer is given or none."""
        self._flow.observer = observer

    def wants(self, database: str, retention_policy: str) -> bool:
        """Whether writes to this database and retention policy come in."""
        return (database, retention_policy) in self.streams

    def attach(self, wake: Callable[[], None]) -> None:
        """Begin what the task's nodes have done outside; `wake` is called, in any thread, when `next_tick` is due."""
        for node in self._pending.async_nodes:
            node.attach(wake)

    @property
    def timed(self) -> bool:
        """Whether anything but points can set something off in this task."""
        return bool(self._ticked_nodes.clocked or self._ticked_nodes.outside)

    @property
    def clocked(self) -> bool:
        """Whether the run's clock can set something off in this task."""
        return bool(self._ticked_nodes.clocked)

    @property
    def groups(self) -> int:
        """How many groups it keeps: of all nodes the most that one keeps."""
        return max(node.groups_alive() for node in self._nodes)

    @property
    def busy_ns(self) -> int:
        """For how long its nodes have worked since it was taken up here."""
        return sum(context.statistics.busy_ns for context in self._contexts)

    @property
    def has_pending(self) -> bool:
        """Whether something is held back until an answer comes from outside."""
        return self._pending.waiting or any(node.has_pending() for node in self._nodes)

    @property
    def outstanding(self) -> int:
        """How much of what nodes have handed over is not yet done outside."""
        return sum(node.outstanding() for node in self._nodes)

    @property
    def waiting(self) -> bool:
        """Whether steps wait for something that is done outside. They are part of the task's state."""
        return self._pending.waiting

    @property
    def full(self) -> bool:
        """Whether so many wait that no more should be begun."""
        return self._pending.full

    def step(
        self,
        batch: LogBatch,
        measurements: frozenset[int] | None,
        after: WritesSeq = _BEGINNING,
        until: WritesSeq | None = None,
    ) -> list[Effect]:
        """A batch of the log through the graph; gives what is to be done outside.

        `measurements`: numbers of those in `self.measurements`. Rows of messages up to sequence `after`, and of those
        behind `until`, are left out. Raises TaskFailed where a node ends the task.
        """
        frame = batch.select(measurements)
        if frame is None:
            return []
        if self.share is not None:
            rows = self.share.rows(frame.points.series)
            if not len(rows):
                return []
            frame = frame if len(rows) == len(frame) else frame.take(rows)
        seq = batch.step.seq
        if seq[0] <= after or (until is not None and seq[-1] > until):
            mine = seq[frame.origin]
            frame = frame.take(np.flatnonzero((mine > after) & (mine <= (seq[-1] if until is None else until))))
            if not len(frame):
                return []
        frame.points.expect(self._contexts[0].needed_fields or ())
        if self._ticked_nodes.clocked:
            return self._by_clock(batch.step, frame)
        return self._go(batch.step, {0: [frame]})

    @property
    def queries(self) -> list[str]:
        """The names of a batch task's query nodes, in the order of the script."""
        return [child.name for source in self.graph.sources() if source.spec is BATCH for child in source.children]

    def feed(self, query: str, batches: Batches, seq: int, processing_times: IntArray) -> list[Effect]:
        """A replay's batches instead of what a query node would ask for; gives what is to be done outside.

        seq: the number of the first of them in the replay, from 1 on. processing_times: int64[b], when each comes (ns).
        Raises TaskFailed where a node ends the task.
        """
        i, b = self._flow.numbers[query], batches
        rows = np.arange(len(b), dtype=np.int64)
        self.begin(int(processing_times[0]))
        self.goes_to(int(processing_times[-1]))
        self.current = Step(seq + rows, np.zeros(len(b), dtype=np.int32), processing_times, int(processing_times[-1]))
        self._contexts[i].statistics.collected += len(b)
        return self._go(self.current, {i: [Batches(b.points, b.offsets, b.group, b.names, b.tmax, b.dimensions, rows)]})

    def begin(self, now: int) -> None:
        """Let the run's clock begin at `now` (ns), unless it has."""
        if self.clock is None:
            self.resume(now)

    def resume(self, now: int) -> None:
        """Let the run's clock go on at `now` (ns): what was between is a pause, of which nobody can say what was."""
        if self._ticked_nodes.clocked:
            for i in self._ticked_nodes.resumed:
                self._nodes[i].resumed(now)
            self._due_known = False
            self.goes_to(now)

    def goes_to(self, now: int) -> None:
        """The run's clock says `now` (ns), before which nothing was due; it does not go back."""
        self.clock = now if self.clock is None else max(self.clock, now)

    def goes_back(self, now: int) -> None:
        """The clock that the run's goes by was set back to `now` (ns): intervals begin anew there."""
        self._set_back += max((self.clock or now) - now, 0)
        self.clock = now
        for i in self._ticked_nodes.resumed:
            self._nodes[i].resumed(now)
        self._due_known = False

    def wall_set_back(self, now: int, by: int) -> None:
        """The wall's clock was set back by some ns to `now`: who asks by it goes on from there."""
        self._set_back += by
        for i in self._ticked_nodes.outside:
            self._nodes[i].set_back(now)

    def next_tick(self) -> int | None:
        """When (ns) `tick` is to be called next."""
        return min((t for t in (self.next_due(), self.next_outside()) if t is not None), default=None)

    def next_due(self) -> int | None:
        """When (ns) the run's clock sets something off next."""
        if not self._due_known:
            self._due = min(self._waiting(self._ticked_nodes.clocked).values(), default=None)
            self._due_known = True
        return self._due

    def next_outside(self) -> int | None:
        """When (ns) to call for what comes from outside, a time that has passed where something has come."""
        return min(self._waiting(self._ticked_nodes.outside).values(), default=None)

    def reach(self, processing_times: IntArray, at: int) -> int:
        """How many of n rows can go through in one step that begins with one of them; gives the end of it.

        processing_times: int64[n] ns, when each comes, never falling. What is due before that one must be done.
        """
        first = int(processing_times[at])
        ends = (self.next_due(), None if self._ticked_nodes.soonest is None else first + self._ticked_nodes.soonest)
        end = min((t for t in ends if t is not None), default=None)
        if end is None or int(processing_times[-1]) < end:
            return len(processing_times)
        return max(int(np.searchsorted(processing_times, end, "left")), at + 1)

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
            step = self.current = _tick(self.clock or due, max(due + self._set_back, self._ticked + 1))
            ready = [i for i, t in self._waiting(self._ticked_nodes.clocked).items() if t <= due]
            given = {i: list(self._flow.guarded(i, self._nodes[i].tick, due)) for i in ready}
            self._due_known = False
            if any(given.values()):
                self._ticked = step.tick
            effects += self._go(step, given)
        if self._ticked_nodes.clocked:
            self.goes_to(to)
        return effects

    def take_in(self, now: int) -> list[Effect]:
        """Take in what has come from outside by `now` (ns), and ask for what is to be asked by then."""
        effects: list[Effect] = []
        for i, due in self._waiting(self._ticked_nodes.outside).items():
            if due > now or self.failure is not None:
                continue
            alone = i in self._ticked_nodes.alone
            number = self._set_back + (due if alone or i in self._ticked_nodes.queries else now)
            number = number if alone else max(number, self._ticked + 1)
            step = self.current = _tick(now, number)
            given = {i: list(self._flow.guarded(i, self._nodes[i].tick, now))}
            if given[i] and not alone:
                self._ticked = number
            effects += self._go(step, given)
        return effects

    def finish(self, now: int) -> list[Effect]:
        """The task ends: what nodes hold back until then flows out, from the sources down.

        What has to go through something outside is waited for, but not for long.
        """
        step = self.current = _tick(now, max(now + self._set_back, self._ticked + 1))
        self._ticked = step.tick
        effects: list[Effect] = []
        for i, node in enumerate(self._nodes):
            self.current = step
            effects += self._go(step, {i: list(self._flow.guarded(i, node.finish))})
            until = time.monotonic() + _FINISH
            while self._pending.waiting and time.monotonic() < until:
                time.sleep(_PAUSE)
                effects += self.take_in(now)
        return effects

    async def hold(self) -> None:
        """Have nothing more begun outside, and wait for what is under way."""
        for node in self._nodes:
            await node.hold()

    def go_on(self) -> None:
        """What `hold` has stopped goes on."""
        for node in self._nodes:
            node.go_on()

    def close(self) -> None:
        """Let go of what nodes hold."""
        self.table.keepers.discard(self)
        for node in self._nodes:
            node.close()

    def nodes(self) -> list[tuple[GraphNode, Node]]:
        """The live nodes beside their places in the graph, in topological order."""
        return list(zip(self.graph.topological(), self._nodes, strict=True))

    def endpoint(self, name: str) -> Any:
        """What the httpOut node of this endpoint shows: a result as plain data. KeyError where there is none."""
        return self._shown_by(name).result()

    def endpoint_rows(self, name: str) -> list[tuple[Any, int, int]]:
        """Its rows, with what puts them in order with those of other parts of the task. KeyError as in `endpoint`."""
        rows: list[tuple[Any, int, int]] = self._shown_by(name).rows()
        return rows

    def _shown_by(self, name: str) -> Any:
        for node in self._nodes:
            if getattr(node, "endpoint", None) == name:
                return node
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
        counts = [(c.node, c.statistics, n.cardinality()) for c, n in zip(self._contexts, self._nodes, strict=True)]
        return statistics_view(self.graph, counts, time.monotonic() - self.started)

    def figures(self) -> tuple[int, int, int, str]:
        """What `statistics` comes to: points or batches that came in, errors, groups, the error of one that goes on."""
        every = [context.statistics for context in self._contexts]
        batch = self.graph.edge is Edge.BATCH
        came = [self.context(query).statistics for query in self.queries] if batch else every[:1]
        trouble = next((one.trouble for one in every if one.trouble), "")
        return sum(one.collected for one in came), sum(one.errors for one in every), self.groups, trouble

    def state(self) -> State:
        """All that later output depends on, as plain data."""
        return {
            "version": STATE_VERSION,
            **self._flow.state(),
            "clock": self.clock,
            "ticked": self._ticked,
            "set_back": self._set_back,
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave. ValueError where it is of another version or another graph."""
        if (version := state.get("version")) != STATE_VERSION:
            raise ValueError(
                f"the saved state of task {self.id} is of version {version}: "
                f"this version of tickbus reads {STATE_VERSION}"
            )
        if set(state["nodes"]) != set(self._flow.numbers):
            raise ValueError(f"the saved state of task {self.id} is not one of this graph")
        self._flow.restore(state)
        self.clock, self._ticked = state.get("clock"), state.get("ticked", 0)
        self._set_back = state.get("set_back", 0)
        self._due_known = False

    def _by_clock(self, step: Step, frame: Frame) -> list[Effect]:
        """Points of the log, and in between what the run's clock sets off: not before all that came before it."""
        processing_times = np.maximum.accumulate(step.processing_time[frame.origin])
        self.begin(int(processing_times[0]))
        if (self.clock or 0) - int(processing_times[0]) > JUMP:
            self.goes_back(int(processing_times[0]))
        effects: list[Effect] = []
        at, n = 0, len(frame)
        while at < n and self.failure is None:
            effects += self.advance(int(processing_times[at]))
            end = self.reach(processing_times, at)
            part = frame if end - at == n else frame.take(np.arange(at, end))
            self.goes_to(int(processing_times[end - 1]))
            effects += self._go(replace(step, now=self.clock or 0), {0: [part]})
            at = end
        return effects

    def _waiting(self, timed: Iterable[int]) -> dict[int, int]:
        """Which of some nodes wait to be called, and when (ns): while steps wait, those below wait as well."""
        found: dict[int, int] = {}
        for i in timed:
            if self._pending.waiting and i in self._flow.behind_pending and not isinstance(self._nodes[i], AsyncNode):
                continue
            if (tick := self._nodes[i].next_tick()) is not None:
                found[i] = tick
        return found

    def _go(self, step: Step, given: Mapping[int, list[Message]]) -> list[Effect]:
        """Messages that some nodes emit (for node 0: take in) flow down the graph; gives what is to be done outside."""
        self._due_known = False
        self._flow.go(step, given)
        effects, self.effects = self.effects, []
        if self.failure is not None:
            effects.append(Failure(self.failure))
        return effects


def _tick(now: int, number: int) -> Step:
    return Step(_NOTHING, np.empty(0, dtype=np.int32), _NOTHING, now, number)


_NOTHING = np.empty(0, dtype=np.int64)
_NO_STEP = _tick(0, 0)
