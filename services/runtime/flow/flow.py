"""The nodes of a task, put together as its graph says, and what flows down it in a step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from services.columns.frame import Batches, Frame, Message, Step
from services.columns.groups.series import TooManySeries
from services.columns.snapshot import State
from services.expressions.typed.types import TooMuch
from services.pipeline.column_pruning import needed_fields
from services.pipeline.graph import Graph
from services.runtime.async_node import AsyncNode
from services.runtime.errors import TaskFailed
from services.runtime.flow.pending_steps import PendingSteps
from services.runtime.input.late_points import LatePointCounter
from services.runtime.node import Node
from services.runtime.node_context import NodeContext, Run
from services.runtime.observer import Observer

T = TypeVar("T")
_COUNTED = (Frame, Batches)


class Flow:
    """Nodes by their numbers in topological order.

    numbers: by name. parents: of each node. children: how many each has. late_points: counts those that come into a
    node, None where there cannot be any. pending: the steps that wait for something outside. behind_pending: the nodes
    that may have to wait.
    """

    def __init__(self, run: Run, graph: Graph, classes: Mapping[str, type[Node]]) -> None:
        """classes: of nodes, by the names of their kinds. Raises TaskFailed where a node cannot start."""
        self._run = run
        self._limits, self._weighed = run.environment.limits, 0.0
        wanted = needed_fields(graph)
        order = list(graph.topological())
        place = {n.number: i for i, n in enumerate(order)}
        self.nodes: list[Node] = []
        self.contexts: list[NodeContext] = []
        for n in order:
            context = NodeContext(run, n, wanted.get(n.name))
            self.contexts.append(context)
            self.nodes.append(classes[n.spec.name](n.properties, context))
        self.late_points = [
            LatePointCounter(run.table, len(n.parents), n.spec.late_on) if n.spec.late and n.spec.late_on else None
            for n in order
        ]
        self.parents = [[place[p.number] for p in n.parents] for n in order]
        self.children = [len(n.children) for n in order]
        self.numbers = {n.name: i for i, n in enumerate(order)}
        self._named = [(n.name, live) for n, live in zip(order, self.nodes, strict=True)]
        self._watchers: dict[int, list[Node]] = {}
        for live in self.nodes:
            if (watched := live.watched()) is not None:
                self._watchers.setdefault(self.numbers[watched], []).append(live)
        self.pending = PendingSteps(self.nodes, self.parents)
        self.behind_pending = frozenset(self.pending.nodes)
        self.observer: Observer | None = None

    def go(self, step: Step, given: Mapping[int, list[Message]]) -> None:
        """Messages that some nodes emit (for node 0: take in) flow down the graph, each node run once.

        Raises TaskFailed where a node ends the task.
        """
        if any(given.values()):
            out: list[Sequence[Message]] = [()] * len(self.nodes)
            for i in range(len(self.nodes)):
                if i in self.behind_pending:
                    continue
                emitted: list[Message] = []
                inputs = [out[p] for p in self.parents[i]]
                if i == 0 and 0 in given:
                    inputs = [given[0]]
                if any(inputs):
                    emitted = self._visit(i, step, inputs)
                if i and i in given:
                    emitted = emitted + self._emitted(i, given[i])
                out[i] = emitted
            if self.behind_pending:
                own = {i: self._emitted(i, m) for i, m in given.items() if i in self.behind_pending}
                self.pending.add(step, out, own)
        if self.pending.waiting:
            self.pending.advance(self._visit, self._answer)
        exceeded, self._weighed = self._limits.exceeded(self._named, self._weighed)
        self._run.failure = self._run.failure or exceeded

    def guarded(self, i: int, call: Callable[..., T], *arguments: Any) -> T:
        """Call a node; what breaks in it ends the task and nothing else."""
        self._run.table.room = self._limits.room
        try:
            return call(*arguments)
        except TaskFailed:
            raise
        except TooManySeries as e:
            raise TaskFailed(f"{self.contexts[i].node}: {self._limits.of_series()}") from e
        except TooMuch as e:
            raise TaskFailed(f"{self.contexts[i].node}: {e}") from e
        except Exception as e:
            self._run.log.exception("a node broke", e, task=self._run.id, node=self.contexts[i].node)
            raise TaskFailed(f"{self.contexts[i].node}: internal error: {type(e).__name__}: {e}") from e
        finally:
            self._run.table.room = math.inf

    def state(self) -> State:
        """Of the nodes, and of the steps that wait."""
        contexts = self.contexts
        return {
            "nodes": {c.node: n.state() for c, n in zip(contexts, self.nodes, strict=True)},
            "counts": {
                c.node: [c.statistics.collected, c.statistics.emitted, c.statistics.errors, c.statistics.more]
                for c in contexts
            },
            "late": self.pending.state([c.node for c in contexts], self._run.table),
            "newest": {c.node: n.state() for c, n in zip(contexts, self.late_points, strict=True) if n is not None},
        }

    def restore(self, state: State) -> None:
        """Take up what `state` gave of the same graph, what older versions did not give left out."""
        newest = state.get("newest", {})
        for context, node, late_points in zip(self.contexts, self.nodes, self.late_points, strict=True):
            node.restore(state["nodes"][context.node])
            if late_points is not None and context.node in newest:
                late_points.restore(newest[context.node])
            s = context.statistics
            s.collected, s.emitted, s.errors, more = state["counts"][context.node]
            s.more = dict(more)
        self.pending.restore(state.get("late", ()), self.numbers, self._run.table)

    def _visit(self, i: int, step: Step, inputs: list[Sequence[Message]]) -> list[Message]:
        """Run one node in a step on what its parents have emitted."""
        statistics = self.contexts[i].statistics
        self._run.current = step
        statistics.collected += sum(map(_count, inputs))
        if self.observer is not None:
            self.observer.enters(i, inputs)
        begun = time.perf_counter_ns()
        if (counter := self.late_points[i]) is not None and (late := counter.count(inputs)):
            statistics.count("late_points", late)
        emitted: list[Message] = self.guarded(i, self.nodes[i].run, inputs)
        statistics.busy_ns += time.perf_counter_ns() - begun
        return self._emitted(i, emitted)

    def _answer(self, node: AsyncNode, i: int, step: Step) -> list[Message] | None:
        """What comes of a step in a node whose work is done outside; None: not known yet."""
        self._run.current = step
        answer = self.guarded(i, node.answer)
        return None if answer is None else self._emitted(i, answer)

    def _emitted(self, i: int, messages: Sequence[Message]) -> list[Message]:
        """What a node emits, empty frames and batches left out, counted."""
        kept = [m for m in messages if not isinstance(m, _COUNTED) or len(m)]
        if self.observer is not None:
            self.observer.leaves(i, kept)
        if kept:
            self.contexts[i].statistics.emitted += _count(kept) * self.children[i]
            for watcher in self._watchers.get(i, ()):
                watcher.saw(kept)
        return kept


def _count(messages: Sequence[Message]) -> int:
    count = 0
    for message in messages:
        if isinstance(message, _COUNTED):
            count += len(message)
    return count
