"""From messages of the log to frames: decoded once for all tasks of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.bus.positions import WritesSeq
from services.columns.column import IntArray
from services.columns.frame import Frame, Points, Step
from services.columns.groups.series import NO_DIMENSIONS, SeriesTable
from services.columns.stacked import stacked
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Lines, Payload, RejectedPayload, WantedLines, decode
from services.lineprotocol.packing.lines import PackedLines, decode_packed
from services.lineprotocol.packing.messages import stands_for
from services.lineprotocol.series_key import Tags
from services.runtime.input.share import SeriesOfShare, SharesByMeasurement

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

    def __init__(
        self,
        database: str,
        retention_policy: str,
        points: Points,
        names: NDArray[np.int32],
        step: Step,
        left_out: IntArray | None = None,
    ):
        """`names`: for each point the number of its measurement (see LineProtocolDecoder.measurement).

        left_out: int64[3, k]: sequence, number of a measurement, and how many points of it are in the message and not
        among these, since nobody wants them.
        """
        self.database = database
        self.retention_policy = retention_policy
        self.points = points
        self.step = step
        self._names = names
        self._left_out = left_out
        self._present: frozenset[int] | None = None
        self._counted: IntArray | None = None
        self._frames: dict[frozenset[int] | None, Frame] = {}

    def present(self) -> frozenset[int]:
        """The numbers of the measurements that occur."""
        if self._present is None:
            self._present = frozenset(self._count().nonzero()[0].tolist())
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
        if not len(self._names) or self.step.seq[0] > after:
            counts = self._count()
        else:
            counts = np.bincount(self._names[int(np.searchsorted(self.step.seq, after, side="right")) :])
        if self._left_out is not None:
            _, names, points = self._left_out[:, self._left_out[0] > after]
            more = np.bincount(names, points, len(counts)).astype(np.int64)
            more[: len(counts)] += counts
            return more
        return counts

    @property
    def last(self) -> WritesSeq:
        """The sequence of the last message that it has points of, whether wanted or not."""
        if self._left_out is None:
            return WritesSeq(int(self.step.seq[-1]))
        seqs = [self.step.seq, self._left_out[0]]
        return WritesSeq(max(int(some[-1]) for some in seqs if len(some)))

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

    def _count(self) -> IntArray:
        """How many points of each measurement there are, by number."""
        if self._counted is None:
            self._counted = np.bincount(self._names).astype(np.int64, copy=False)
        return self._counted

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


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What is wanted of a database and retention policy; of all else, the number of points may be enough.

    measurements: their numbers; None: all of them. shares: where no more is wanted of a measurement; others: where no
    more is of those that are not in `shares`. None at all are a share of everything.
    """

    measurements: frozenset[int] | None = None
    shares: SharesByMeasurement = field(default_factory=dict)
    others: Sequence[SeriesOfShare] = ()


EVERYTHING = Wanted()


@dataclass(slots=True)
class _Source:
    """What is known of one database and retention policy: its series by their raw keys.

    asked: what was wanted of it last; wanted: bool[m], the measurements of it by number; foreign: int32[k], by number
    of a series that of its measurement where no share that is wanted has it, else -1; empty where nobody has shares.
    """

    keys: KeyTable = field(default_factory=KeyTable)
    asked: Wanted = EVERYTHING
    wanted: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    foreign: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    given_anew: int = 0  # how many numbers had been when `foreign` was begun


class LineProtocolDecoder:
    """Decodes messages into batches. Keeps, across messages, the number of every raw series key it has seen."""

    def __init__(self, table: SeriesTable) -> None:
        self.table = table
        self._sources: dict[tuple[str, str], _Source] = {}
        self._measurements: dict[str, int] = {}
        self._tags = Tags()
        self._written = KeyTable()  # the same as written, where that needs no escape
        self._name_of_series = table.per_series(np.int32, lambda series: self.measurement(series.name))
        table.lookups.add(self)

    def drop(self, gone: NDArray[np.bool_]) -> None:
        """Know these series no more: bool by number."""
        self._tags.forget()
        for source in self._sources.values():
            source.keys.drop(gone)

    def measurement(self, name: str) -> int:
        """The number of a measurement, a new one at first sight."""
        number = self._measurements.get(name)
        if number is None:
            number = self._measurements[name] = len(self._measurements)
            self._written.add({name.encode(errors="surrogatepass"): number})
        return number

    def measurements(self) -> list[str]:
        """The names of all measurements, by number."""
        return list(self._measurements)

    def decode(
        self,
        database: str,
        retention_policy: str,
        messages: Sequence[LogMessage],
        wanted: Wanted = EVERYTHING,
    ) -> tuple[LogBatch | None, list[UnreadableMessage]]:
        """The points of some messages, in their order, and the messages that could not be read.

        wanted: points of others may be left out, but for their number.

        Headers: `precision` (n u ms s m h; ns where missing), `received` (ns; else the time JetStream stored it),
        `packed` (for how many bytes of text a packed body stands) and `loopbacks` (how many loopbacks its points have
        come through; none where missing).
        """
        payloads = [_payload(m) for m in messages]
        source = self._sources.get((database, retention_policy))
        if source is None:
            source = self._sources[database, retention_policy] = _Source()
        parts, rejected = _decoded(payloads, self._wanted(source, wanted))
        refused = [UnreadableMessage(messages[r.index].seq, r.error) for r in rejected]
        seqs = np.array([m.seq for m in messages], dtype=np.int64)
        skipped = np.concatenate([part.skipped for part in parts], axis=1)
        skipped = skipped[:, np.argsort(skipped[0], kind="stable")] if len(parts) > 1 else skipped
        left_out = None
        if skipped.shape[1]:
            left_out = np.concatenate([seqs[skipped[:1]], skipped[1:]])
        elif not any(part.lines.n for part in parts):
            return None, refused

        def new(raw: bytes) -> int:
            name, tags = self._tags.parse_key(raw)
            return self.table.number_of(database, retention_policy, name, tags)

        numbered = [part.lines.number_keys(source.keys, new) for part in parts]
        points = [Points(one.lines.time, series, source=one.lines) for one, series in zip(parts, numbered, strict=True)]
        payload, row, whole = parts[0].payload, parts[0].lines.row, points[0]
        if len(parts) > 1:
            payload = np.concatenate([one.payload for one in parts])
            order = np.argsort(payload, kind="stable")
            payload, row = payload[order], np.concatenate([one.lines.row for one in parts])[order]
            whole = stacked(points).take(order)
        self.table.seen(whole.series)
        loopbacks = [_number(m, LOOPBACKS) for m in messages]
        rounds = np.array(loopbacks, dtype=np.int64)[payload] if any(loopbacks) else None
        processing_times = np.array([m.time_ns for m in messages], dtype=np.int64)[payload]
        step = Step(seqs[payload], row, processing_times, messages[-1].time_ns, loopbacks=rounds)
        return LogBatch(database, retention_policy, whole, self._names(whole.series), step, left_out), refused

    def _wanted(self, source: _Source, wanted: Wanted) -> WantedLines:
        fresh = wanted is not source.asked
        if fresh:
            source.asked, source.foreign = wanted, np.empty(0, dtype=np.int32)
        if wanted.others or any(wanted.shares.values()):
            self._look_for_foreign(source)  # which may come to know further measurements
        known = 0 if wanted.measurements is None else len(self._measurements)
        if fresh or len(source.wanted) != known:
            source.wanted = np.zeros(known, dtype=np.bool_)
            source.wanted[list(wanted.measurements or ())] = True
        return WantedLines(self._written, source.wanted, source.keys, source.foreign)

    def _look_for_foreign(self, source: _Source) -> None:
        """Let it be known of all series that have a number whether they are."""
        if source.given_anew != self.table.given_anew or self.table.looking:
            # while it is looked which series still come, none are left out
            source.given_anew, source.foreign = self.table.given_anew, np.empty(0, dtype=np.int32)
            if self.table.looking:
                return
        have = len(source.foreign)
        if have == len(self.table):
            return
        measurements = self._names(np.arange(have, len(self.table), dtype=np.int32))
        shares = source.asked.shares
        rest = np.isin(measurements, list(shares), invert=True)
        somebodys = [(rest, source.asked.others)]
        somebodys += [(measurements == one, shares[one]) for one in shares.keys() & frozenset(measurements.tolist())]
        more = np.full(len(measurements), -1, dtype=np.int32)
        for of_it, wanted in somebodys:
            if wanted:
                nobodys = of_it & ~np.any([share.mine()[have:] for share in wanted], axis=0)
                more[nobodys] = measurements[nobodys]
        source.foreign = np.concatenate([source.foreign, more])

    def _names(self, series: NDArray[np.int32]) -> NDArray[np.int32]:
        names: NDArray[np.int32] = self._name_of_series.values()[series]
        return names


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines of some payloads. payload, skipped: as they have them, by the indexes of these among all."""

    lines: Lines | PackedLines
    payload: NDArray[np.int32]
    skipped: NDArray[np.int32]


def _decoded(payloads: Sequence[Payload], wanted: WantedLines) -> tuple[list[_Part], list[RejectedPayload]]:
    """Those that are text and those that are packed, each together, at least one part; and all that are rejected."""
    lines: Lines | PackedLines
    count = sum(payload.text_bytes > 0 for payload in payloads)
    if count in (0, len(payloads)):
        lines, rejected = decode_packed(payloads, wanted) if count else decode(payloads, wanted)
        return [_Part(lines, lines.payload, lines.skipped)], rejected
    parts: list[_Part] = []
    every: list[RejectedPayload] = []
    for is_packed in (False, True):
        index = np.array([i for i, p in enumerate(payloads) if (p.text_bytes > 0) is is_packed], dtype=np.int32)
        some = [payloads[i] for i in index.tolist()]
        lines, rejected = decode_packed(some, wanted) if is_packed else decode(some, wanted)
        skipped = np.concatenate([index[lines.skipped[:1]], lines.skipped[1:]])
        parts.append(_Part(lines, index[lines.payload], skipped))
        every += [replace(one, index=int(index[one.index])) for one in rejected]
    return parts, sorted(every, key=lambda one: one.index)


def _payload(message: LogMessage) -> Payload:
    headers = message.headers or {}
    received = _number(message, "received") or message.time_ns
    return Payload(message.data, headers.get("precision", "n"), received, stands_for(headers))


def _number(message: LogMessage, header: str) -> int:
    """The number that a header holds, 0 where it holds none."""
    text = message.headers.get(header, "") if message.headers else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
