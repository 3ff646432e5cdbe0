"""From messages of the log to frames: decoded once for all tasks of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.bus.positions import WritesSeq
from services.columns.column import IntArray, Rows
from services.columns.frame import Frame, Points, Step
from services.columns.groups.series import NO_DIMENSIONS, Series, SeriesTable
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Payload, decode
from services.lineprotocol.series_key import parse_key

LOOPBACKS = "loopbacks"
"""The header that counts the loopbacks which a message's points have come through."""


class LogMessage(Protocol):
    """A message of the stream WRITES, as far as decoding goes."""

    @property
    def seq(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def headers(self) -> dict[str, str] | None: ...


class LogBatch:
    """The points of some messages of one database and retention policy, with an index of their measurements."""

    def __init__(self, database: str, retention_policy: str, points: Points, names: NDArray[np.int32], step: Step):
        """`names`: for each point the number of its measurement (see LineProtocolDecoder.measurement)."""
        self.database = database
        self.retention_policy = retention_policy
        self.points = points
        self.step = step
        self._names = names
        self._present: frozenset[int] | None = None
        self._frames: dict[frozenset[int] | None, Frame] = {}

    def present(self) -> frozenset[int]:
        """The numbers of the measurements that occur."""
        if self._present is None:
            self._present = frozenset(np.flatnonzero(np.bincount(self._names)).tolist())
        return self._present

    def select(self, measurements: frozenset[int] | None) -> Frame | None:
        """The points of some measurements (None: of all), ungrouped; None where there are none.

        The same frame for all that ask for the same, which is what lets tasks share the work done on it.
        """
        if measurements is not None:
            measurements = measurements & self.present()
            if not measurements:
                return None
            if len(measurements) == len(self.present()):
                measurements = None
        frame = self._frames.get(measurements)
        if frame is None:
            frame = self._frames[measurements] = self._frame(measurements)
        return frame

    def counts(self, after: WritesSeq) -> IntArray:
        """How many points of each measurement are of messages behind a sequence: int64[k], by number."""
        begin = int(np.searchsorted(self.step.seq, after, side="right"))
        return np.bincount(self._names[begin:]).astype(np.int64)

    def part(self, begin: int, end: int, time: IntArray, processing_time: IntArray) -> LogBatch:
        """The points begin:end, at other times and processing times (int64[end-begin] both): for replays."""
        rows = np.arange(begin, end, dtype=np.intp)
        step = self.step
        rounds = None if step.loopbacks is None else step.loopbacks[begin:end]
        step = Step(
            step.seq[begin:end], step.row[begin:end], processing_time, int(processing_time[-1]), loopbacks=rounds
        )
        points = self.points.take(rows).with_time(time)
        return LogBatch(self.database, self.retention_policy, points, self._names[begin:end], step)

    def renumbered(self, row: NDArray[np.int32]) -> LogBatch:
        """The same with other numbers of the rows in their messages: int32[n]."""
        return LogBatch(self.database, self.retention_policy, self.points, self._names, replace(self.step, row=row))

    def _frame(self, measurements: frozenset[int] | None) -> Frame:
        if measurements is None:
            points, origin = self.points, np.arange(len(self.points), dtype=np.int64)
        else:
            wanted = np.zeros(max(self.present()) + 1, dtype=np.bool_)
            wanted[list(measurements)] = True
            origin = np.flatnonzero(wanted[self._names])
            points = self.points.take(origin)
        return Frame(points, np.zeros(len(points), dtype=np.int32), NO_DIMENSIONS, origin)


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A message that is not line protocol: skipped, to be counted and logged."""

    seq: int
    error: str


@dataclass(slots=True)
class _Source:
    """What is known of one database and retention policy: its series by their raw keys."""

    keys: KeyTable = field(default_factory=KeyTable)


class LineProtocolDecoder:
    """Decodes messages into batches. Keeps, across messages, the number of every raw series key it has seen."""

    def __init__(self, table: SeriesTable) -> None:
        self.table = table
        self._sources: dict[tuple[str, str], _Source] = {}
        self._measurements: dict[str, int] = {}
        self._name_of_series: NDArray[np.int32] = np.empty(0, dtype=np.int32)

    def measurement(self, name: str) -> int:
        """The number of a measurement, a new one at first sight."""
        return self._measurements.setdefault(name, len(self._measurements))

    def measurements(self) -> list[str]:
        """The names of all measurements, by number."""
        return list(self._measurements)

    def decode(
        self, database: str, retention_policy: str, messages: Sequence[LogMessage]
    ) -> tuple[LogBatch | None, list[UnreadableMessage]]:
        """The points of some messages, in their order, and the messages that could not be read.

        Headers: `precision` (n u ms s m h; ns where missing), `received` (ns; else the time JetStream stored it) and
        `loopbacks` (how many loopbacks its points have come through; none where missing).
        """
        payloads = [_payload(m) for m in messages]
        lines, rejected = decode(payloads)
        refused = [UnreadableMessage(messages[r.index].seq, r.error) for r in rejected]
        if lines.n == 0:
            return None, refused
        source = self._sources.setdefault((database, retention_policy), _Source())

        def new(raw: bytes) -> int:
            name, tags = parse_key(raw)
            return self.table.number(Series(database, retention_policy, name, tags))

        series = lines.number_keys(source.keys, new).astype(np.int32)
        seqs = np.array([m.seq for m in messages], dtype=np.int64)[lines.payload]
        loopbacks = np.array([_number(m, LOOPBACKS) for m in messages], dtype=np.int64)
        rounds = loopbacks[lines.payload] if loopbacks.any() else None
        processing_times = np.array([m.time_ns for m in messages], dtype=np.int64)[lines.payload]
        step = Step(seqs, lines.row, processing_times, messages[-1].time_ns, loopbacks=rounds)
        points = Points(lines.time, series, source=lines)
        return LogBatch(database, retention_policy, points, self._names(series), step), refused

    def _names(self, series: Rows | NDArray[np.int32]) -> NDArray[np.int32]:
        have = len(self._name_of_series)
        if have < len(self.table):
            more = [self.measurement(self.table.series(i).name) for i in range(have, len(self.table))]
            self._name_of_series = np.concatenate([self._name_of_series, np.array(more, dtype=np.int32)])
        return self._name_of_series[series]


def _payload(message: LogMessage) -> Payload:
    precision = (message.headers or {}).get("precision", "n")
    return Payload(message.data, precision, _number(message, "received") or message.time_ns)


def _number(message: LogMessage, header: str) -> int:
    """The number that a header holds, 0 where it holds none."""
    text = message.headers.get(header, "") if message.headers else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
