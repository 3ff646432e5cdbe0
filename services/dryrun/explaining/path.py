"""An observer that writes down what a few steps did at each node, for the points of one group."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.frame import Barriers, Batches, Frame, Message, select
from services.columns.groups.shown import MOST_POINTS, plain_value
from services.dryrun.explaining.concerned import Concerned
from services.dryrun.explaining.origins import HeldOrigins, Place, places_in
from services.dryrun.rows import rows_of
from services.expressions.explained import Explained
from services.pipeline.graph import GraphNode
from services.process.log import Log
from services.runtime.node import Node
from services.runtime.task import TaskRun

_MOST_ROWS = 100  # points, batches or barriers that are shown of what went into a node, or came out
_MOST_EXPLAINED = 10  # points whose lambdas are shown
_MOST_GROUPS = 100  # whose states are shown of one step at one node
_MOST_TICKS = 50

Entry = dict[str, Any]
"""What one step did at one node, of the groups concerned:
{"node", "kind", "in": rows, "groups": [{"group", "before", "after"}], "lambdas": [{"time", "tags", "lambda", "text",
"value", "error"}], "out": rows, "errors": [reasons], "silence": why nothing came out, or ""}; rows as rows_of has them,
`before` and `after` as Node.explain, of the first hundred groups. "left-out in" and "left-out out": how many rows more,
where there were too many. "tick": when it was due, of a step that the clock has set off."""


class PathRecorder:
    """Notes all along which points nodes hold; writes down what points do while `recording`, and what
    ticks do whose numbers are from the first to the second of `ticks`, the first fifty of them.

    entries: what was written down, in the order in which it happened. unplaced: points that are held and of which it
    is not known where in the log they came from, since they were there before this run began.
    """

    def __init__(self, run: TaskRun, tags: Mapping[str, str], node: str = "") -> None:
        """tags: of the group that is asked about. node: the path to it is all that is looked at; "": all nodes."""
        self._run = run
        self._nodes = run.nodes()
        self._concerned = Concerned(run.table, tags)
        self._looked_at = {one.name for one in _above(run.graph.nodes, node)} if node else None
        self._origins = {i: HeldOrigins(run.table) for i, (_, live) in enumerate(self._nodes) if live.holds}
        self._errors = _Errors()
        run.log = self._errors
        self.recording = False
        self.ticks: tuple[int, int] | None = None
        self.entries: list[Entry] = []
        self.unplaced: list[dict[str, Any]] = []
        self._ticks_seen: set[int] = set()
        self._before: dict[int, dict[int, dict[str, Any]]] = {}
        self._open: dict[int, Entry] = {}

    def enters(self, node: int, inputs: Sequence[Sequence[Message]]) -> None:
        messages: list[Message] | None = None
        if (origins := self._origins.get(node)) is not None:
            messages = self._mine(inputs)
            for message in messages:
                origins.note(message, self._run.current)
        if not self._looks_at(node):
            return
        messages = self._mine(inputs) if messages is None else messages
        if not messages:
            return
        place, live = self._nodes[node]
        self._errors.reasons.clear()
        groups = _groups(messages)
        entry = self._entry(place)
        entry["in"], left = self._rows(messages)
        if left:
            entry["left-out in"] = left
        entry["lambdas"] = list(self._lambdas(live, messages))
        self._before[node] = {number: live.explain(number) for number in groups}
        self._open[node] = entry

    def leaves(self, node: int, messages: Sequence[Message]) -> None:
        if not self._looks_at(node):
            return
        mine = self._mine([messages])
        entry = self._open.pop(node, None)
        if entry is None and not mine:
            return
        place, live = self._nodes[node]
        entry = self._entry(place) if entry is None else entry
        before = self._before.pop(node, {})
        groups = list(dict.fromkeys([*before, *_groups(mine)]))[:_MOST_GROUPS]
        after = {number: live.explain(number) for number in groups}
        entry["out"], left = self._rows(mine)
        if left:
            entry["left-out out"] = left
        entry["groups"] = [
            {"group": self._run.table.group(number).id, "before": before.get(number, {}), "after": after[number]}
            for number in groups
            if before.get(number) or after[number]
        ]
        entry["errors"] = list(self._errors.reasons)
        if not any("deletes" not in row for row in entry["out"]) and before:
            number = next(iter(before))
            entry["silence"] = self._silence(place, live, entry, before[number], after[number])
        self._place(node, entry)

    def states(self) -> None:
        """Look at the nodes that the clock sets off, as they are before it does: they never `enter`."""
        for i, (_, live) in enumerate(self._nodes):
            if live.clocked:
                numbers = np.arange(self._run.table.group_count, dtype=np.int32)
                groups = np.flatnonzero(self._concerned.groups(numbers)).tolist()
                kept = ((number, found) for number in groups if (found := live.explain(number)))
                self._before[i] = dict(itertools.islice(kept, _MOST_GROUPS))

    def _looks_at(self, node: int) -> bool:
        tick, ticks = self._run.current.tick, self.ticks
        if tick and (ticks is None or not ticks[0] <= tick <= ticks[1]):
            return False
        if not tick and not self.recording:
            return False
        if tick and tick not in self._ticks_seen and len(self._ticks_seen) >= _MOST_TICKS:
            return False
        return self._looked_at is None or self._nodes[node][0].name in self._looked_at

    def _mine(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        parts = (self._concerned.part(message) for messages in inputs for message in messages)
        return [part for part in parts if part is not None]

    def _entry(self, place: GraphNode) -> Entry:
        entry: Entry = {"node": place.name, "kind": place.spec.name, "in": [], "groups": [], "lambdas": []}
        entry |= {"out": [], "errors": [], "silence": ""}
        if tick := self._run.current.tick:
            entry["tick"] = format_rfc3339(tick)
            self._ticks_seen.add(tick)
        self.entries.append(entry)
        return entry

    def _rows(self, messages: Sequence[Message]) -> tuple[list[dict[str, Any]], int]:
        """Rows to be shown of messages, and how many more there are."""
        shown: list[dict[str, Any]] = []
        left = 0
        for message in messages:
            room = _MOST_ROWS - len(shown)
            n = len(message.group)
            left += max(n - room, 0)
            part = message if n <= room else select(message, np.arange(room))
            if isinstance(part, Batches):
                part, lengths = _shortened(part)
                for row, length in zip(rows_of(part, self._run.table), lengths, strict=True):
                    cut = {"left-out": length - MOST_POINTS} if length > MOST_POINTS else {}
                    shown.append(row | cut)
            elif len(part.group):
                shown += rows_of(part, self._run.table)
        return shown, left

    def _lambdas(self, live: Node, messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
        left = _MOST_EXPLAINED
        for message in messages:
            if isinstance(message, Barriers):
                continue
            of = message.group if isinstance(message, Frame) else message.group[message.batch_of_points()]
            for row in range(min(len(message.points), left)):
                left -= 1
                one = message.points.take(np.array([row]))
                found = live.explain_point(one, int(of[row]))
                if not found:
                    return
                shown = rows_of(
                    Frame(one, of[row : row + 1], message.dimensions, np.zeros(1, np.int64)), self._run.table
                )
                point = next(iter(shown))
                for name, said in found.items():
                    yield {"time": point["time"], "tags": point["tags"], "lambda": name, **_said(said)}

    def _silence(
        self, place: GraphNode, live: Node, entry: Entry, before: dict[str, Any], after: dict[str, Any]
    ) -> str:
        if entry["errors"]:
            return str(entry["errors"][-1])
        if place.spec.name in ("where", "from"):
            return "; ".join(said["error"] or said["text"] for said in entry["lambdas"] if said["value"] is not True)
        return live.explain_silence(before, after) or ("" if place.children else "nothing goes on behind it")

    def _place(self, node: int, entry: Entry) -> None:
        """Write places in the log into what the node holds or has held."""
        origins = self._origins.get(node)
        if origins is None:
            return
        held = [group[when] for group in entry["groups"] for when in ("before", "after")]
        batches = [row["points"] for row in entry["out"] if "points" in row]
        for points in [*_lists_of_points(held), *batches]:
            self.unplaced += origins.place(points)


def went(entries: Sequence[Entry]) -> list[Entry]:
    """The way that points went: without each from() that chose none of them where another one did."""
    chosen = any(entry["kind"] == "from" and entry["out"] for entry in entries)
    return [entry for entry in entries if not (chosen and entry["kind"] == "from" and not entry["out"])]


def took_part(path: Iterable[Entry]) -> set[Place]:
    """The places of points that a node held before a step, and that are in what came out of it."""
    found: set[Place] = set()
    for entry in path:
        batches = [row["points"] for row in entry["out"] if "points" in row]
        if batches:
            found |= _places_in(batches)
        elif entry["out"]:
            for group in entry["groups"]:
                found |= _places_in(group["before"]) - _places_in(group["after"])
    return found


def _places_in(shown: Any) -> set[Place]:
    return {(one["seq"], one["row"]) for one in places_in(shown)}


class _Errors(Log):
    """The reasons that nodes give for what they cannot do; nothing goes to the log."""

    def __init__(self) -> None:
        super().__init__("explaining")
        self.reasons: deque[str] = deque(maxlen=20)

    def limited(self, key: str, pause: float = 0.0) -> Log:
        return self

    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        if level >= logging.ERROR:
            self.reasons.append(f"{msg}: {keys['err']}" if "err" in keys else msg)


def _above(nodes: Sequence[GraphNode], name: str) -> Iterable[GraphNode]:
    """A node and all that it is reached from."""
    found: dict[str, GraphNode] = {}
    left = [one for one in nodes if one.name == name]
    while left:
        one = left.pop()
        if one.name not in found:
            found[one.name] = one
            left += one.parents
    return found.values()


def _shortened(batches: Batches) -> tuple[Batches, list[int]]:
    """Batches of which the first and last points are left where there are many, and how many there were in each."""
    lengths = batches.lengths()
    if not len(lengths) or int(lengths.max()) <= MOST_POINTS:
        return batches, lengths.tolist()
    rank = np.arange(len(batches.points)) - np.repeat(batches.offsets[:-1], lengths)
    of = np.repeat(lengths, lengths)
    return batches.keep((rank < MOST_POINTS // 2) | (rank >= of - MOST_POINTS // 2)), lengths.tolist()


def _groups(messages: Iterable[Message]) -> list[int]:
    """The numbers of the first groups in messages."""
    numbers = itertools.chain.from_iterable(message.group.tolist() for message in messages)
    return list(itertools.islice(dict.fromkeys(numbers), _MOST_GROUPS))


def _lists_of_points(shown: Any) -> Iterator[list[dict[str, Any]]]:
    """Each list of points or batches in what nodes explain."""
    if isinstance(shown, list):
        if shown and isinstance(shown[0], dict) and "time" in shown[0]:
            yield shown
        for one in shown:
            yield from _lists_of_points(one)
    elif isinstance(shown, dict):
        for one in shown.values():
            yield from _lists_of_points(one)


def _said(said: Explained) -> dict[str, Any]:
    value = said.value
    plain = plain_value(value) if isinstance(value, bool | int | float | str) else None
    return {"text": said.text, "value": plain, "error": said.error}
