"""Which lines of the log belong to a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.bus.follow import StoredMessage
from services.bus.subjects import parse_write_subject
from services.columns.column import IntArray
from services.columns.groups.series import SeriesTable
from services.lineprotocol.packing.messages import some_lines, stands_for
from services.lineprotocol.packing.text import text_of
from services.process import log as logs
from services.recorder.record.archive import RecordedWrite
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.input.sizes import text_bytes

_log = logs.get("recorder")
_REFUSED = "a message on the bus is no line protocol"
_MOST_BYTES = 16 << 20  # of text that is decoded at once
_MOST_SERIES = 1_000_000  # known at once; numbering is begun anew behind that


@dataclass(frozen=True, slots=True)
class Selected:
    """The lines of some messages that are wanted. times: int64[n] of their points, ns since 1970."""

    writes: list[RecordedWrite]
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
        self._decoder = LineProtocolDecoder(SeriesTable())
        names = self._names
        self._measurements = None if names is None else frozenset(map(self._decoder.measurement, names))

    def take(self, messages: Sequence[StoredMessage]) -> Selected:
        """What is wanted of some messages of the log, in its order."""
        if len(self._decoder.table) > _MOST_SERIES:
            self._begin()
        writes: list[RecordedWrite] = []
        times: list[IntArray] = []
        for part in _parts(messages):
            taken = self._take(part)
            writes += taken.writes
            times.append(taken.times)
            if taken.ended:
                return Selected(writes, np.concatenate(times), True)
        return Selected(writes, np.concatenate(times) if times else _NO_TIMES, False)

    def _take(self, messages: Sequence[StoredMessage]) -> Selected:
        """Messages of one database and retention policy."""
        database, retention_policy = parse_write_subject(messages[0].subject)
        batch, refused = self._decoder.decode(database, retention_policy, messages)
        for bad in refused:
            _log.limited("refused").warn(_REFUSED, seq=bad.seq, err=bad.error)
        frame = None if batch is None else batch.select(self._measurements)
        if batch is None or frame is None:
            return Selected([], _NO_TIMES, False)
        time = frame.points.time
        later = np.flatnonzero(time > self._stop)
        end = int(later[0]) if len(later) else len(time)
        chosen = frame.origin[:end]
        seq, row = batch.step.seq, batch.step.row
        begins = np.searchsorted(seq[chosen], [m.seq for m in messages], "left").tolist()
        ends = np.searchsorted(seq[chosen], [m.seq for m in messages], "right").tolist()
        whole = np.searchsorted(seq, [m.seq for m in messages], "right") - np.searchsorted(
            seq, [m.seq for m in messages], "left"
        )
        writes = []
        for message, lo, hi, count in zip(messages, begins, ends, whole.tolist(), strict=True):
            if lo < hi:
                try:
                    body = _text(message, None if hi - lo == count else row[chosen[lo:hi]])
                except ValueError as error:
                    _log.limited("refused").warn(_REFUSED, seq=message.seq, err=error)
                    continue
                writes.append(_recorded(message, database, retention_policy, body))
        return Selected(writes, time[:end], bool(len(later)))


_NO_TIMES: IntArray = np.empty(0, dtype=np.int64)


def _parts(messages: Sequence[StoredMessage]) -> Iterator[list[StoredMessage]]:
    """Messages in runs of one subject, and of so much text at most, one message at least."""
    part: list[StoredMessage] = []
    size = 0
    for message in messages:
        its = text_bytes(message)
        if part and (part[0].subject != message.subject or size + its > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(message)
        size += its
    if part:
        yield part


def _text(message: StoredMessage, rows: NDArray[np.int32] | None) -> bytes:
    """A message's body as text, or some lines of it, by their numbers.

    Raises ValueError where it is packed, and its text is longer than it says.
    """
    if rows is None:
        most = stands_for(message.headers)
        return text_of(message.data, most) if most else message.data
    if not (lines := some_lines(message.data, message.headers, rows.tolist())):
        raise ValueError("it has not the lines that it says")
    return b"".join(line + b"\n" for line in lines)


def _recorded(message: StoredMessage, database: str, retention_policy: str, body: bytes) -> RecordedWrite:
    headers = message.headers or {}
    received = headers.get("received", "")
    at = int(received) if received.isascii() and received.isdigit() and len(received) < 19 else message.time_ns
    return RecordedWrite(message.seq, database, retention_policy, headers.get("precision", "n"), at, body)
