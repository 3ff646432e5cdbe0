"""A listener at the edges of a task: what comes along that somebody wants to see, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grammar.golang.times import format_rfc3339
from services.columns.column import Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Step
from services.dryrun.rows import rows_of
from services.dryrun.tracing.wanted import Filter, Wanted
from services.dryrun.tracing.wanted_outcomes import WantedOutcomes
from services.runtime.effects import Effect
from services.runtime.task import TaskRun


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
        self._lines: list[dict[str, Any]] = []
        self._made = 0

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
        for line in self._outcomes.of(effects):
            if line["node"] in self.counts:
                self.counts[line["node"]].found += 1
            if self._made < self._limit:
                self._made += 1
                self._lines.append(line)

    def taken(self) -> list[dict[str, Any]]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    @property
    def found(self) -> int:
        """How many lines were wanted in all."""
        return sum(counts.found for counts in self.counts.values())

    def _look(self, counts: NodeCounts, message: Message, head: dict[str, Any]) -> None:
        if isinstance(message, Barriers) and message.for_joins:
            return  # to nodes but joins they are none
        if self._filter.all and self._made >= self._limit:
            counts.found += len(message.group)
            return
        rows = self._filter.rows(message)
        counts.found += len(rows)
        rows = rows[: max(self._limit - self._made, 0)]
        if not len(rows):
            return
        self._made += len(rows)
        part, step = _select(message, rows), self._run.current
        for origin, row in zip(part.origin.tolist(), rows_of(part, self._run.table), strict=True):
            self._lines.append({**head, "origin": _origin(step, origin), **row})


def _origin(step: Step, row: int) -> dict[str, Any]:
    """What something comes of: a row of a step, or the clock."""
    if step.tick:
        return {"tick": format_rfc3339(step.now)}
    return {"seq": int(step.seq[row]), "row": int(step.row[row])}


def _select(message: Message, rows: Rows) -> Message:
    if isinstance(message, Frame):
        return message.take(rows)
    if isinstance(message, Batches):
        return message.select(rows)
    return Barriers(message.group[rows], message.time[rows], message.origin[rows], message.dimensions, message.delete)


def _size(messages: Sequence[Message]) -> int:
    return sum(len(message) for message in messages if isinstance(message, Frame | Batches))
