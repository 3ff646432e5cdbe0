"""The part of a graph that lies below nodes whose work is done outside (see services.runtime.async_node).

A step runs through the rest of the graph at once and waits at such a node for its answer, while the next steps already
come up behind it. Every node sees all steps in their order and each step as a whole, as if nobody had to wait: so
what is emitted, and what identifies it, is the same as if the answers had come at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.columns.frame import Message, Step
from services.columns.groups.series import SeriesTable
from services.columns.message_snapshot import message_from_state, message_state
from services.columns.snapshot import State
from services.runtime.async_node import AsyncNode
from services.runtime.node import Node

_MOST_STEPS = 256

Visit = Callable[[int, Step, list[Sequence[Message]]], list[Message]]
"""Runs a node (by its number in topological order) in a step on what its parents emitted."""
Answer = Callable[[AsyncNode, int, Step], list[Message] | None]
"""Asks an async node for what it emits in a step that it was run in."""


@dataclass(slots=True)
class _InFlightStep:
    """A step that has not gone through all of these nodes. `at`: the next place in their order."""

    step: Step
    out: dict[int, list[Message]]  # what nodes have emitted in it
    given: dict[int, list[Message]]  # what nodes emit in it without having been given anything
    at: int = 0
    pending: set[int] = field(default_factory=set)  # async nodes that have been run in it


class PendingSteps:
    """The steps that are waiting, in order."""

    def __init__(self, nodes: Sequence[Node], parents: Sequence[Sequence[int]]) -> None:
        self._nodes, self._parents = nodes, parents
        self.nodes: list[int] = []
        """The numbers of the nodes that may have to wait, in topological order."""
        behind: set[int] = set()
        for i, node in enumerate(nodes):
            if isinstance(node, AsyncNode) or behind.intersection(parents[i]):
                behind.add(i)
                self.nodes.append(i)
        self.async_nodes = [n for n in nodes if isinstance(n, AsyncNode)]
        self._feeding = {p for i in self.nodes for p in parents[i]} - behind
        # An async node has two places: there it is run, and there its answer is waited for.
        self._places = [
            (i, answers) for i in self.nodes for answers in ((False, True) if self._is_async(i) else (False,))
        ]
        self._steps: deque[_InFlightStep] = deque()

    @property
    def waiting(self) -> bool:
        """Whether some step is not through."""
        return bool(self._steps)

    @property
    def full(self) -> bool:
        """Whether no more steps should be added for now."""
        return len(self._steps) >= _MOST_STEPS or any(n.full() for n in self.async_nodes)

    def add(self, step: Step, out: Sequence[Sequence[Message]], given: Mapping[int, list[Message]]) -> None:
        """A step has gone through the rest of the graph. out: by node. given: what these nodes emit of themselves."""
        feeding = {i: list(out[i]) for i in self._feeding if out[i]}
        own = {i: messages for i, messages in given.items() if messages}
        if feeding or own:
            self._steps.append(_InFlightStep(step, feeding, own))

    def advance(self, visit: Visit, answer: Answer) -> None:
        """Take every step as far as it can go; none overtakes the one before it."""
        end = len(self._places)
        for waiting in self._steps:
            while waiting.at < end and self._done(waiting, visit, answer):
                waiting.at += 1
            end = waiting.at
        while self._steps and self._steps[0].at == len(self._places):
            self._steps.popleft()

    def state(self, names: Sequence[str], table: SeriesTable) -> list[State]:
        """The waiting steps as plain data. names: of all nodes."""
        return [self._step_state(w, names, table) for w in self._steps]

    def restore(self, state: Sequence[State], names: Mapping[str, int], table: SeriesTable) -> None:
        """Take up what `state` gave. names: the number of every node."""
        for one in state:
            seq, row = np.asarray(one["seq"], dtype=np.int64), np.asarray(one["row"], dtype=np.int32)
            out, given = (
                {names[name]: [message_from_state(m, table) for m in messages] for name, messages in one[part].items()}
                for part in ("out", "given")
            )
            pending = {names[name] for name in one["unanswered"]}
            processing_time = np.asarray(one["moment"], dtype=np.int64)
            step = Step(seq, row, processing_time, one["now"], one["tick"], one["loopbacks"])
            self._steps.append(_InFlightStep(step, out, given, one["at"], pending))

    def _done(self, waiting: _InFlightStep, visit: Visit, answer: Answer) -> bool:
        """Whether the step has got over its next place."""
        number, answers = self._places[waiting.at]
        node = self._nodes[number]
        emitted: list[Message] = []
        if not answers:
            inputs: list[Sequence[Message]] = [waiting.out.get(p, ()) for p in self._parents[number]]
            if any(inputs):
                emitted = visit(number, waiting.step, inputs)
            if isinstance(node, AsyncNode):
                if any(inputs):
                    waiting.pending.add(number)
                return True
        elif number in waiting.pending:
            assert isinstance(node, AsyncNode)
            results = answer(node, number, waiting.step)
            if results is None:
                return False
            waiting.pending.discard(number)
            emitted = results
        emitted = emitted + waiting.given.pop(number, [])
        if emitted:
            waiting.out[number] = emitted
        return True

    def _is_async(self, node: int) -> bool:
        return isinstance(self._nodes[node], AsyncNode)

    def _step_state(self, waiting: _InFlightStep, names: Sequence[str], table: SeriesTable) -> dict[str, Any]:
        left = {node for node, answers in self._places[waiting.at :] if not answers}
        wanted = {p for i in left for p in self._parents[i]}
        return {
            "seq": waiting.step.seq,
            "row": waiting.step.row,
            "moment": waiting.step.processing_time,
            "now": waiting.step.now,
            "tick": waiting.step.tick,
            "loopbacks": waiting.step.loopbacks,
            "at": waiting.at,
            "unanswered": sorted(names[i] for i in waiting.pending),
            "out": {names[i]: [message_state(m, table) for m in ms] for i, ms in waiting.out.items() if i in wanted},
            "given": {names[i]: [message_state(m, table) for m in ms] for i, ms in waiting.given.items()},
        }
