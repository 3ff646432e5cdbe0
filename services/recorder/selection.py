"""Which lines of the log belong to a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services import log as logs
from services.bus.follow import Message
from services.bus.subjects import parse_write_subject
from services.engine.column import IntArray
from services.engine.intake import Intake
from services.engine.lineprotocol import careful
from services.engine.series import SeriesTable
from services.recorder.archive import Record

_log = logs.get("recorder")
_MOST_SERIES = 1_000_000  # known at once; numbering is begun anew behind that


@dataclass(frozen=True, slots=True)
class Selected:
    """The lines of some messages that are wanted. times: int64[n] of their points, ns since 1970."""

    records: list[Record]
    times: IntArray
    ended: bool  # a later point than the recording's stop has come; what follows is not wanted


class Selection:
    """Takes the points of some measurements until one comes whose time is after `stop`."""

    def __init__(self, measurements: Sequence[str] | None, stop: int) -> None:
        """measurements: None for all. stop: ns since 1970."""
        self._names = measurements
        self._stop = stop
        self._begin()

    def _begin(self) -> None:
        self._intake = Intake(SeriesTable())
        names = self._names
        self._measurements = None if names is None else frozenset(map(self._intake.measurement, names))

    def take(self, messages: Sequence[Message]) -> Selected:
        """What is wanted of some messages of the log, in its order."""
        if len(self._intake.table) > _MOST_SERIES:
            self._begin()
        records: list[Record] = []
        times: list[IntArray] = []
        for part in _parts(messages):
            taken = self._take(part)
            records += taken.records
            times.append(taken.times)
            if taken.ended:
                return Selected(records, np.concatenate(times), True)
        return Selected(records, np.concatenate(times) if times else _NO_TIMES, False)

    def _take(self, messages: Sequence[Message]) -> Selected:
        """Messages of one database and retention policy."""
        database, retention_policy = parse_write_subject(messages[0].subject)
        piece, refused = self._intake.decode(database, retention_policy, messages)
        for bad in refused:
            _log.limited("refused").warn("a message on the bus is no line protocol", seq=bad.seq, err=bad.error)
        frame = None if piece is None else piece.select(self._measurements)
        if piece is None or frame is None:
            return Selected([], _NO_TIMES, False)
        time = frame.points.time
        later = np.flatnonzero(time > self._stop)
        end = int(later[0]) if len(later) else len(time)
        chosen = frame.cause[:end]
        seq, row = piece.step.seq, piece.step.row
        begins = np.searchsorted(seq[chosen], [m.seq for m in messages], "left").tolist()
        ends = np.searchsorted(seq[chosen], [m.seq for m in messages], "right").tolist()
        whole = np.searchsorted(seq, [m.seq for m in messages], "right") - np.searchsorted(
            seq, [m.seq for m in messages], "left"
        )
        records = []
        for message, lo, hi, count in zip(messages, begins, ends, whole.tolist(), strict=True):
            if lo < hi:
                body = message.data if hi - lo == count else _lines(message.data, row[chosen[lo:hi]])
                records.append(_record(message, database, retention_policy, body))
        return Selected(records, time[:end], bool(len(later)))


_NO_TIMES: IntArray = np.empty(0, dtype=np.int64)


def _parts(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages in runs of one subject."""
    part: list[Message] = []
    for message in messages:
        if part and part[0].subject != message.subject:
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def _lines(body: bytes, rows: NDArray[np.int32]) -> bytes:
    """Some lines of a body, by their numbers."""
    lines = list(careful.lines(body))
    return b"".join(lines[row] + b"\n" for row in rows.tolist())


def _record(message: Message, database: str, retention_policy: str, body: bytes) -> Record:
    headers = message.headers or {}
    received = headers.get("received", "")
    at = int(received) if received.isascii() and received.isdigit() and len(received) < 19 else message.time_ns
    return Record(message.seq, database, retention_policy, headers.get("precision", "n"), at, body)
