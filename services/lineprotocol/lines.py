"""Payloads of line protocol decoded to columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Column, IntArray, Rows, Value
from services.kernels.primitives import address_of
from services.kernels.tables import Ints
from services.lineprotocol import reference_parser
from services.lineprotocol.fields import Fields
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.scanning import (
    FIELDS_END,
    KEY,
    KEY_END,
    MOST_BYTES,
    MOST_TAGS,
    PAD,
    PAYLOAD,
    PLACES,
    ROW,
    SERIES,
    line_breaks,
    scan,
)
from services.lineprotocol.validate import check_each_line

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Payload:
    """One message: line protocol, the precision of its timestamps, and when it was received (ns since 1970).

    text_bytes: for how many bytes of text a packed body stands (see services.lineprotocol.packing), 0 for text.
    """

    body: bytes
    precision: str
    received_ns: int
    text_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RejectedPayload:
    """A payload that does not parse: its index among those given, and what the reference says of it."""

    index: int
    error: str


_NONE = KeyTable()


@dataclass(frozen=True, slots=True)
class WantedLines:
    """Which lines are wanted of those whose measurement or series is known; all others are.

    numbers: of measurements by their names as written without any escape. wanted: bool[m], by number; one behind m is.
    series: numbers of series by their keys as written. foreign: int32[k], by such a number that of the measurement
    where lines of the series are not wanted, else -1; a series behind k is wanted.
    """

    numbers: KeyTable
    wanted: NDArray[np.bool_]
    series: KeyTable = _NONE
    foreign: Int32Array = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    @property
    def measurements(self) -> int:
        """How many may be left out some lines of, or all."""
        return len(self.numbers) if len(self.wanted) or len(self.foreign) else 0


EVERY_LINE: Final = WantedLines(_NONE, np.empty(0, dtype=np.bool_))


class Lines:
    """n points in the order of payloads and lines; the fields are decoded on demand.

    time: int64[n], ns since 1970. payload: int32[n], index among the payloads given. row: int32[n], the point's
    ordinal in its payload (comments and blank lines do not count). skipped: int32[3, k]: payload, number of a
    measurement, and how many lines of it the payload has that are not wanted, and none of the points.
    """

    def __init__(
        self,
        raw: bytes,
        address: int,
        time: IntArray,
        places: Ints,
        skipped: Int32Array,
        odd: Mapping[int, Mapping[str, Value]],
        malformed: int,
        series: KeyTable,
    ) -> None:
        """Made by `decode`. series: by which lines are numbered already, as far as it has them."""
        self.n: Final = len(time)
        self.time = time
        self.payload: Int32Array = places[PAYLOAD]
        self.row: Int32Array = places[ROW]
        self.skipped = skipped
        self._raw, self._address, self._key, self._key_end = raw, address, places[KEY], places[KEY_END]
        self._fields = Fields(raw, address, self._key_end, places[FIELDS_END], odd)
        self._malformed = malformed
        self._series = series
        self._numbers: Int32Array = places[SERIES]

    def __len__(self) -> int:
        return self.n

    @property
    def malformed(self) -> int:
        """How many values could not be read so far. They count as missing."""
        return self._malformed + len(self._fields.unreadable)

    def keys(self) -> list[bytes]:
        """The series key (measurement and tags as written) of each line."""
        return [self._raw[a:b] for a, b in zip(self._key.tolist(), self._key_end.tolist(), strict=True)]

    def number_keys(self, table: KeyTable, new: Callable[[bytes], int]) -> Int32Array:
        """Each line's series number: int32[n]. `new` numbers a key that `table` lacks; the number is put there."""
        if table is not self._series:
            return table.number(self._raw, self._address, self._key, self._key_end, new)
        table.number_missing(self._numbers, self._raw, self._address, self._key, self._key_end, new)
        return self._numbers.copy()  # who keeps it is not to keep all places

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        """Some fields, each told once, over `rows` (all if None) in that order; None for one that none of them has.

        Kinds are FLOAT, INT, STRING and BOOL, or MIXED where those rows differ. Fields asked for together cost little
        more than one. Kept for all rows once they were asked for most of them; for a few rows only those are read.
        """
        return self._fields.columns(names, rows)

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """One field, as `columns` gives it."""
        return self._fields.columns([name], rows)[0]

    def names(self, rows: Rows | None) -> list[str]:
        """The names of all fields that occur in `rows` (all if None), sorted."""
        return self._fields.names(rows)

    def pick(self, rows: Rows) -> Fields:
        """The fields of a few rows by themselves, without a hold on the text of all the others."""
        return self._fields.pick(rows)


def decode(payloads: Sequence[Payload], wanted: WantedLines = EVERY_LINE) -> tuple[Lines, list[RejectedPayload]]:
    """All points of all payloads that parse, but of lines that are not wanted; a payload that does not parse is left
    out whole.

    Whether a payload parses is judged by its structure and times, and by its values only in lines that are left to the
    reference parser; a value that turns out not to be readable later is missing, and counted in `Lines.malformed`.

    Raises ValueError where the bodies are 2 GiB or more together.
    """
    raw, bodies = _text(payloads)
    address = address_of(raw)
    most = line_breaks(address, len(raw) - PAD) + 1
    places: Ints = np.empty((PLACES, most), dtype=np.int32)
    time = np.empty(most, dtype=np.int64)
    odd_lines = np.empty(most, dtype=np.int32)
    skipped = np.empty((3, most if wanted.measurements else 0), dtype=np.int32)
    counts = np.zeros(3, dtype=np.int64)
    scan(
        address,
        bodies,
        *wanted.numbers.told,
        wanted.wanted,
        *wanted.series.told,
        len(wanted.series) > 0,
        wanted.foreign,
        places,
        time,
        odd_lines,
        skipped,
        np.full(wanted.measurements, -1, dtype=np.int32),
        np.empty((MOST_TAGS, 2), dtype=np.int64),
        counts,
    )
    n, odds, skips = counts.tolist()
    places, time, skipped = places[:, :n], time[:n], skipped[:, :skips]
    if not odds:
        return Lines(raw, address, time, places, skipped, {}, 0, wanted.series), []
    return _with_odd(payloads, raw, time, places, skipped, odd_lines[:odds], wanted.series)


def _text(payloads: Sequence[Payload]) -> tuple[bytes, IntArray]:
    """The bodies end to end with a line break behind each, and what `scan` is told of them."""
    if (size := sum(len(p.body) + 1 for p in payloads)) > MOST_BYTES:
        raise ValueError(f"{size} bytes of line protocol are too many at once, at most {MOST_BYTES}")
    raw = b"\n".join([*(p.body for p in payloads), bytes(PAD)])
    bodies = np.empty((len(payloads), 5), dtype=np.int64)
    begin = 0
    for index, payload in enumerate(payloads):
        end = begin + len(payload.body)
        unit = reference_parser.multiplier(payload.precision)
        received = payload.received_ns // unit * unit
        bodies[index] = (begin, end, unit, reference_parser.MAX_TIME // unit, received)
        begin = end + 1
    return raw, bodies


def _with_odd(
    payloads: Sequence[Payload],
    raw: bytes,
    time: IntArray,
    places: Ints,
    skipped: Int32Array,
    odd_lines: Int32Array,
    series: KeyTable,
) -> tuple[Lines, list[RejectedPayload]]:
    """The same with what the reference parser says of those lines that are not regular."""
    rejected: dict[int, str] = {}
    odd: dict[int, dict[str, Value]] = {}
    malformed: dict[int, int] = {}
    for line in odd_lines.tolist():
        owner = int(places[PAYLOAD, line])
        if owner in rejected:
            continue
        unit = reference_parser.multiplier(payloads[owner].precision)
        begin = int(places[KEY, line])
        text = raw[begin : places[FIELDS_END, line]]
        stripped = next(reference_parser.lines(text))
        try:
            key, fields, stamp = reference_parser.parse(stripped, unit)
        except reference_parser.LineError:
            rejected[owner] = check_each_line(payloads[owner].body, unit) or ""
            continue
        places[KEY, line] = begin = begin + text.index(stripped[:1])
        places[KEY_END, line] = places[FIELDS_END, line] = begin + len(key)
        if stamp is not None:
            time[line] = stamp
        found = reference_parser.field_values(fields)
        odd[line] = {name: value for name, value in found.items() if isinstance(value, float | int | str)}
        malformed[line] = len(found) - len(odd[line])
    if rejected:
        kept = np.flatnonzero(~np.isin(places[PAYLOAD], list(rejected)))
        at = {line: row for row, line in enumerate(kept.tolist()) if line in odd}
        odd = {at[line]: fields for line, fields in odd.items() if line in at}
        malformed = {line: count for line, count in malformed.items() if line in at}
        places, time = np.ascontiguousarray(places[:, kept]), time[kept]
        skipped = skipped[:, ~np.isin(skipped[0], list(rejected))]
    lines = Lines(raw, address_of(raw), time, places, skipped, odd, sum(malformed.values()), series)
    return lines, [RejectedPayload(index, rejected[index]) for index in sorted(rejected)]
