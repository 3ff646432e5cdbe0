"""Taps: what leaves the nodes of a task that runs here, told as it happens to those who have asked for it.

A run without taps has no observer: nothing of this costs it anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from grammar.golang.times import format_rfc3339
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import tap_subject
from services.columns.column import Rows
from services.columns.frame import NO_TIME, Batches, Frame, Message, select
from services.columns.groups.fitting_tags import FittingTags
from services.columns.groups.series import SeriesTable
from services.columns.groups.shown import MOST_POINTS, shown_batches, shown_points
from services.runtime.task import TaskRun

MOST_TAPS = 16
"""Of one task at once."""
_PAUSE = 0.1  # seconds between two messages to an asker
_PIECE = 256 << 10  # bytes of lines after which another message begins


class TaskTaps:
    """The taps of one run; it is the run's observer for as long as there is one."""

    def __init__(self, bus: Bus, run: TaskRun) -> None:
        self._bus, self._run = bus, run
        self._taps: dict[str, Tap] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    def ask(self, tap: str, node: str, tags: Mapping[str, str], rate: int, seconds: float) -> tuple[int, str]:
        """Begin a tap, let it go on, or with 0 seconds end it (schemas.requests.engine.TapRequestSchema).

        Gives status and error as TapSchema has them.
        """
        if seconds <= 0:
            self._end(tap)
            return 200, ""
        if tap not in self._taps:
            names = [graph_node.name for graph_node, _ in self._run.nodes()]
            if node and node not in names:
                return 404, f"task {self._run.id} has no node {node}: it has {', '.join(names)}"
            if len(self._taps) >= MOST_TAPS:
                return 503, f"task {self._run.id} is tapped {MOST_TAPS} times: no more at once"
            nodes = {number: name for number, name in enumerate(names) if node in ("", name)}
            self._taps[tap] = Tap(self._run.table, nodes, tags, rate, self._sender(tap))
            self._run.observe(self)
        if tap in self._ends:
            self._ends[tap].cancel()
        self._ends[tap] = asyncio.get_running_loop().call_later(seconds, self._end, tap)
        return 200, ""

    def close(self) -> None:
        """End all of them."""
        for tap in list(self._taps):
            self._end(tap)

    def enters(self, node: int, inputs: Sequence[Sequence[Message]]) -> None:
        """What goes into a node has left another."""

    def leaves(self, node: int, messages: Sequence[Message]) -> None:
        """What a node has emitted."""
        for tap in self._taps.values():
            tap.saw(node, messages)

    def _end(self, tap: str) -> None:
        if (found := self._taps.pop(tap, None)) is None:
            return
        found.close()
        self._ends.pop(tap).cancel()
        if not self._taps:
            self._run.observe(None)

    def _sender(self, tap: str) -> Callable[[bytes], None]:
        subject = tap_subject(tap)
        return lambda data: self._bus.broadcast(subject, data)


class Tap:
    """Rows of some nodes for one asker, at most so many a second: an even part of what comes, the nodes having equal
    shares, and a count of what is left out. It holds a second's rows of each node at most, for a tenth of a second."""

    def __init__(
        self,
        table: SeriesTable,
        nodes: Mapping[int, str],
        tags: Mapping[str, str],
        rate: int,
        send: Callable[[bytes], None],
    ) -> None:
        """nodes: names of those that are looked at, by number. tags: what points, and groups of batches and barriers,
        have to have. rate: rows/s. send: takes some lines of JSON as they go to the asker; may raise BusError."""
        self._table, self._nodes, self._tags, self._rate, self._send = table, nodes, tags, rate, send
        self._having = FittingTags(table, frozenset(tags.items()).issubset)
        self._room, self._filled = float(rate), time.monotonic()
        self._seen: list[tuple[int, Message]] = []
        self._held: Counter[int] = Counter()
        self._left_out = 0
        self._flushing: asyncio.TimerHandle | None = None

    def saw(self, node: int, messages: Sequence[Message]) -> None:
        """A node has emitted something: keep an even part of it, as far as there is room."""
        if node not in self._nodes:
            return
        for message in messages:
            rows = self._fitting(message)
            if not (count := _count(message) if rows is None else len(rows)):
                continue
            room = self._refilled() - self._held[node]
            kept = max(min(count, room), 0)
            self._left_out += count - kept
            if kept:
                picked = np.linspace(0, count - 1, kept).astype(np.intp)
                self._seen.append((node, select(message, picked if rows is None else rows[picked])))
                self._held[node] += kept
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_later(_PAUSE, self.flush)

    def flush(self) -> None:
        """Tell what was kept."""
        self.close()
        shares = _shares(self._held, self._refilled())
        lines = []
        for node, message in self._seen:
            count = _count(message)
            told = min(count, shares[node])
            shares[node] -= told
            self._room -= told
            self._left_out += count - told
            if told:
                of_node = {"node": self._nodes[node]}
                lines += [orjson.dumps(of_node | row) for row in _shown(select(message, np.arange(told)), self._table)]
        self._seen.clear()
        self._held.clear()
        for piece in _pieces(lines):
            self._tell(piece)
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            with contextlib.suppress(BusError):
                self._send(orjson.dumps({"left-out": left_out}) + b"\n")

    def close(self) -> None:
        """Do not tell what is still kept by itself."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None

    def _tell(self, lines: Sequence[bytes]) -> None:
        try:
            self._send(b"".join(line + b"\n" for line in lines))
        except BusError:
            self._left_out += len(lines)

    def _refilled(self) -> int:
        """How many rows may be told now."""
        now = time.monotonic()
        self._room = min(self._room + (now - self._filled) * self._rate, float(self._rate))
        self._filled = now
        return int(self._room)

    def _fitting(self, message: Message) -> Rows | None:
        """The rows with the tags, None for all."""
        if not self._tags:
            return None
        if isinstance(message, Frame):
            return np.flatnonzero(self._having.of_series(message.points.series))
        return np.flatnonzero(self._having.of_groups(message.group))


def _count(message: Message) -> int:
    return len(message) if isinstance(message, Frame | Batches) else len(message.group)


def _shares(held: Mapping[int, int], room: int) -> dict[int, int]:
    """How many rows of each node are told: as many of each, but what one does not need is the others'."""
    shares = {}
    for left, (node, count) in zip(range(len(held), 0, -1), sorted(held.items(), key=lambda one: one[1]), strict=True):
        # rounded up, so that with less room than nodes the first are told at all
        shares[node] = min(count, -(-room // left))
        room -= shares[node]
    return shares


def _shown(message: Message, table: SeriesTable) -> Iterator[dict[str, Any]]:
    """Rows as JSON has them, each with the id of its group."""
    if isinstance(message, Frame):
        for at in range(0, len(message), MOST_POINTS):
            part = message.take(np.arange(at, min(at + MOST_POINTS, len(message))))
            for group, row in zip(part.group.tolist(), shown_points(part.points, table), strict=True):
                yield {"group": table.group(group).id, **row}
    elif isinstance(message, Batches):
        for group, row in zip(message.group.tolist(), shown_batches(message, table), strict=True):
            yield {"group": table.group(group).id, **row}
    else:
        for group, at in zip(message.group.tolist(), message.time.tolist(), strict=True):
            of = table.group(group)
            when = None if at == NO_TIME else format_rfc3339(at)
            yield {"group": of.id, "barrier": of.name, "time": when, "tags": dict(of.tags), "deletes": message.delete}


def _pieces(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Lines that go together in a message; a longer one alone."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > _PIECE:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece
