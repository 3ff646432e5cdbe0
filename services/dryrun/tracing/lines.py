"""A listener at the edges of a task: what comes along that somebody wants to see, line by line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.column import IntArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Step
from services.dryrun.rows import rows_of
from services.dryrun.tracing.wanted import Filter, Wanted
from services.dryrun.tracing.wanted_outcomes import WantedOutcomes
from services.runtime.effects import Effect
from services.runtime.task import TaskRun

_STEP_BITS = 40  # more than a step has rows


@dataclass(slots=True)
class NodeCounts:
    """What went into a node and came out of it: points and batches. found: lines of it that were wanted."""

    taken: int = 0
    given: int = 0
    found: int = 0


class TraceLines:
    """Observes a run (services.runtime.observer), and keeps the lines until they are taken away.

    A line: {"node", "kind": "in" or "out", "from": of "in" the parent, "origin": what it comes of} and what
    services.dryrun.rows says. origin: {"seq", "row"}, the message of the log and the line in it, or {"tick"}, when what
    the clock set off was done (RFC 3339). What comes out of one node goes into the next: what goes in is told where one
    node alone is asked for. What would have been done outside is told as services.dryrun.outcomes does.

    Lines stand in the order of what they come of, and of one thing from node to node: the first thousand tell of some
    points all there is, and not of many points what the first node did.

    counts: by node. `limit`: lines are made as long as there are fewer; the others are counted.
    """

    def __init__(self, run: TaskRun, wanted: Wanted, limit: int) -> None:
        """Raises ExpressionError as Filter does, LookupError where the task has no such node."""
        self._run, self._limit = run, limit
        nodes = [node for node, _ in run.nodes()]
        self._names = [node.name for node in nodes]
        self._parents = [[parent.name for parent in node.parents] for node in nodes]
        if wanted.node and wanted.node not in self._names:
            raise LookupError(f"the task had no {wanted.node} then, but {', '.join(self._names)}")
        self._alone = wanted.node
        self._filter = Filter(wanted, run.table)
        self._outcomes = WantedOutcomes(wanted, self._filter, run.table)
        self.counts = {name: NodeCounts() for name in self._names}
        self._places: list[IntArray] = []  # of the rows of each of what `_rows` has, where they belong
        self._rows: list[Iterator[dict[str, Any]]] = []
        self._effects: list[Iterator[dict[str, Any]]] = []
        self._step: Step | None = None
        self._steps = 0
        self._made, self._waiting = 0, 0  # lines, and rows that may become some
        self._full = False

    def enters(self, node: int, inputs: Sequence[Sequence[Message]]) -> None:
        """What each parent has emitted is about to go into a node."""
        name = self._names[node]
        counts = self.counts[name]
        for number, messages in enumerate(inputs):
            counts.taken += _size(messages)
            if self._alone == name:
                head = {"node": name, "kind": "in", **({"from": self._parents[node][number]} if node else {})}
                for message in messages:
                    self._look(counts, message, head)

    def leaves(self, node: int, messages: Sequence[Message]) -> None:
        """What a node has emitted."""
        if not messages:
            return
        name = self._names[node]
        counts = self.counts[name]
        counts.given += _size(messages)
        if self._alone in ("", name):
            for message in messages:
                self._look(counts, message, {"node": name, "kind": "out"})

    def add(self, effects: Sequence[Effect]) -> None:
        """What a step wants done outside; it is told behind what came along in the step."""
        if self._made + self._waiting >= self._limit:
            for node, count in self._outcomes.count(effects):
                self._found(node, count)
        elif effects:
            self._effects.append(self._of_effects(effects))

    def taken(self) -> Iterator[dict[str, Any]]:
        """The lines since the last call. They are made while it is gone through, which may take long for many.

        It must be gone through before the next step: `counts` and `found` are right from then on.
        """
        order = _in_order(self._places)[: self._limit - self._made]
        rows, effects = self._rows, self._effects
        self._places, self._rows, self._effects = [], [], []
        self._made, self._waiting = self._made + len(order), 0
        return itertools.chain((next(rows[one]) for one in order), itertools.chain.from_iterable(effects))

    @property
    def found(self) -> int:
        """How many lines were wanted in all."""
        return sum(counts.found for counts in self.counts.values())

    @property
    def mistaken(self) -> str:
        """As Filter.mistaken."""
        return self._filter.mistaken

    def _look(self, counts: NodeCounts, message: Message, head: dict[str, Any]) -> None:
        if isinstance(message, Barriers) and message.for_joins:
            return  # to nodes but joins they are none
        step = self._run.current
        if step is not self._step:
            self._step, self._steps = step, self._steps + 1
            self._full = self._made + self._waiting >= self._limit
        if self._filter.all and self._full:
            counts.found += len(message.group)
            return
        rows = self._filter.rows(message)
        counts.found += len(rows)
        if self._full or not len(rows):
            return
        chosen = _select(message, rows[: self._limit])
        self._waiting += len(chosen.origin)
        self._places.append(_places(self._steps, step, chosen))
        self._rows.append(self._of_message(head, chosen, step))

    def _found(self, node: str, count: int) -> None:
        if node in self.counts:  # a write back names none where its task does not count them
            self.counts[node].found += count

    def _of_message(self, head: dict[str, Any], message: Message, step: Step) -> Iterator[dict[str, Any]]:
        for origin, row in zip(message.origin.tolist(), rows_of(message, self._run.table), strict=True):
            yield {**head, "origin": _origin(step, origin), **row}

    def _of_effects(self, effects: Sequence[Effect]) -> Iterator[dict[str, Any]]:
        for line in self._outcomes.of(effects):
            self._found(line["node"], 1)
            if self._made < self._limit:
                self._made += 1
                yield line


def _origin(step: Step, row: int) -> dict[str, Any]:
    """What something comes of: a row of a step, or the clock."""
    if step.tick:
        return {"tick": format_rfc3339(step.now)}
    return {"seq": int(step.seq[row]), "row": int(step.row[row])}


def _places(number: int, step: Step, message: Message) -> IntArray:
    """Where what a message holds belongs among all that comes along: by the step, and in it by what it comes of.

    int64[n], ascending: a message keeps its order.
    """
    origin = np.zeros(len(message.origin), dtype=np.int64) if step.tick else message.origin.astype(np.int64)
    return (number << _STEP_BITS) + np.maximum.accumulate(origin)


def _in_order(places: Sequence[IntArray]) -> list[int]:
    """Of which of several ascending arrays the next number is, until all are through: from the least on."""
    if not places:
        return []
    whose = np.repeat(np.arange(len(places)), [len(one) for one in places])
    return whose[np.argsort(np.concatenate(places), kind="stable")].tolist()  # type: ignore[no-any-return]


def _select(message: Message, rows: Rows) -> Message:
    if isinstance(message, Frame):
        return message.take(rows)
    if isinstance(message, Batches):
        return message.select(rows)
    return Barriers(message.group[rows], message.time[rows], message.origin[rows], message.dimensions, message.delete)


def _size(messages: Sequence[Message]) -> int:
    return sum(len(message) for message in messages if isinstance(message, Frame | Batches))
