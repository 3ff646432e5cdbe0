"""Payloads of line protocol decoded to columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Column, IntArray, Rows, Value
from services.lineprotocol import reference_parser
from services.lineprotocol.fast_path import SMALL, fits_fast_path, split_line
from services.lineprotocol.fields import FEW, Fields
from services.lineprotocol.keytable import number, number_one
from services.lineprotocol.rows import RowFields
from services.lineprotocol.validate import check_each_line
from services.lineprotocol.vectorised_parser import ParsedBodies

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Payload:
    """One message: line protocol, the precision of its timestamps, and when it was received (ns since 1970)."""

    body: bytes
    precision: str
    received_ns: int


@dataclass(frozen=True, slots=True)
class RejectedPayload:
    """A payload that does not parse: its index among those given, and what the reference says of it."""

    index: int
    error: str


class Lines:
    """n points in the order of payloads and lines; the fields are decoded on demand.

    time: int64[n], ns since 1970. payload: int32[n], index among the payloads given. row: int32[n], the point's
    ordinal in its payload (comments and blank lines do not count).
    """

    def __init__(
        self,
        time: IntArray,
        payload: Int32Array,
        row: Int32Array,
        keys: _Keys | _KeyList,
        fields: Fields | RowFields,
        malformed: int,
    ) -> None:
        """Made by `decode`."""
        self.n: Final = len(time)
        self.time = time
        self.payload = payload
        self.row = row
        self._keys = keys
        self._fields = fields
        self._malformed = malformed

    def __len__(self) -> int:
        return self.n

    @property
    def malformed(self) -> int:
        """How many values could not be read so far. They count as missing."""
        return self._malformed + len(self._fields.unreadable)

    def keys(self) -> list[bytes]:
        """The series key (measurement and tags as written) of each line."""
        return self._keys.all()

    def number_keys(self, table: dict[bytes, int], new: Callable[[bytes], int]) -> IntArray:
        """Each line's series number: int64[n]. `new` numbers a key that `table` lacks; the number is put there.

        Fastest with a KeyTable; keys may be put into it elsewhere too, but not taken out or renumbered.
        """
        return self._keys.number(table, new)

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """One field over `rows` (all if None) in that order; None if none of them has it.

        Kinds are FLOAT, INT, STRING and BOOL, or MIXED where those rows differ. Kept for all rows once it was asked
        for most of them; for a few rows only those are read.
        """
        return self._fields.column(name, rows)

    def names(self, rows: Rows | None) -> list[str]:
        """The names of all fields that occur in `rows` (all if None), sorted."""
        return self._fields.names(rows)

    def pick(self, rows: Rows) -> RowFields:
        """The fields of a few rows by themselves, without a hold on the text of all the others."""
        return self._fields.pick(rows)


class _Keys:
    """Series keys: spans of the parsed text, but those of odd lines."""

    def __init__(self, parsed: ParsedBodies, starts: IntArray, ends: IntArray, odd: dict[int, bytes]) -> None:
        self._parsed = parsed
        self._starts = starts
        self._ends = ends
        self._odd = odd

    def all(self) -> list[bytes]:
        raw = self._parsed.text.raw
        keys = [raw[a:b] for a, b in zip(self._starts.tolist(), self._ends.tolist(), strict=True)]
        for row, key in self._odd.items():
            keys[row] = key
        return keys

    def number(self, table: dict[bytes, int], new: Callable[[bytes], int]) -> IntArray:
        if not self._odd:
            return number(self._parsed.text, self._starts, self._ends, table, new)
        return np.array([number_one(key, table, new) for key in self.all()], dtype=np.int64)


class _KeyList:
    """Series keys of a few lines."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys

    def all(self) -> list[bytes]:
        return self._keys

    def number(self, table: dict[bytes, int], new: Callable[[bytes], int]) -> IntArray:
        return np.array([number_one(key, table, new) for key in self._keys], dtype=np.int64)


def decode(payloads: Sequence[Payload]) -> tuple[Lines, list[RejectedPayload]]:
    """All points of all payloads that parse; one that does not is left out whole.

    Whether a payload parses is judged by its structure and times, and by its values only in lines that are left to the
    reference parser; a value that turns out not to be readable later is missing, and counted in `Lines.malformed`.
    """
    few = _few(payloads)
    if few is not None:
        return few, []
    units = np.array([reference_parser.multiplier(p.precision) for p in payloads] or [1], dtype=np.int64)
    received = np.array([p.received_ns for p in payloads] or [0], dtype=np.int64) // units * units
    parsed = ParsedBodies([p.body for p in payloads] or [b""], units)
    rejected: dict[int, str] = {}
    odd: dict[int, _Odd] = {}
    for line in np.flatnonzero(~(parsed.regular | parsed.skip)).tolist():
        owner = int(parsed.payload[line])
        if owner in rejected or owner in parsed.broken:
            continue
        text = next(reference_parser.lines(parsed.line(line)), None)
        if text is None:
            parsed.skip[line] = True
            continue
        try:
            odd[line] = _odd(text, int(units[owner]))
        except reference_parser.LineError:
            rejected[owner] = check_each_line(payloads[owner].body, int(units[owner])) or ""
    kept = ~parsed.skip
    alone: dict[int, list[_Odd]] = {}
    for owner in sorted(parsed.broken):
        error = check_each_line(payloads[owner].body, int(units[owner]))
        if error is None:
            lines = reference_parser.lines(payloads[owner].body)
            alone[owner] = [_odd(line, int(units[owner])) for line in lines]
        else:
            rejected[owner] = error
    if rejected or parsed.broken:
        kept &= ~np.isin(parsed.payload, [*rejected, *parsed.broken])
    made = _assemble(parsed, received, kept, odd, alone)
    return made, [RejectedPayload(i, rejected[i]) for i in sorted(rejected)]


def _few(payloads: Sequence[Payload]) -> Lines | None:
    """Lines of a few small payloads, if all of them take the fast path."""
    if sum(len(p.body) for p in payloads) > SMALL:
        return None
    keys: list[bytes] = []
    fields: list[bytes] = []
    time: list[int] = []
    owner: list[int] = []
    row: list[int] = []
    for index, payload in enumerate(payloads):
        unit = reference_parser.multiplier(payload.precision)
        if not fits_fast_path(payload.body, unit):
            return None
        lines = [line for line in payload.body.split(b"\n") if line]
        if len(keys) + len(lines) > FEW:
            return None
        for line in lines:
            end, last, stamp = split_line(line)
            keys.append(line[:end])
            fields.append(line[end + 1 : last])
            time.append((payload.received_ns // unit if stamp is None else stamp) * unit)
        owner += [index] * len(lines)
        row += range(len(lines))
    return Lines(
        np.array(time, dtype=np.int64),
        np.array(owner, dtype=np.int32),
        np.array(row, dtype=np.int32),
        _KeyList(keys),
        RowFields(len(keys), fields.__getitem__, {}),
        0,
    )


@dataclass(frozen=True, slots=True)
class _Odd:
    """A line read by the reference parser."""

    key: bytes
    fields: dict[str, Value]
    malformed: int
    time: int | None


def _odd(line: bytes, unit: int) -> _Odd:
    """One of `reference_parser.lines`. Raises reference_parser.LineError."""
    key, fields, time = reference_parser.parse(line, unit)
    found = reference_parser.field_values(fields)
    kept = {k: v for k, v in found.items() if isinstance(v, float | int | str)}
    return _Odd(key, kept, len(found) - len(kept), time)


def _assemble(
    parsed: ParsedBodies,
    received: IntArray,
    kept: NDArray[np.bool_],
    odd: dict[int, _Odd],
    alone: dict[int, list[_Odd]],
) -> Lines:
    """Lines from the kept lines of some bodies, the odd ones among them, and payloads that were read alone."""
    lines = np.flatnonzero(kept)
    payload = parsed.payload[lines]
    extra = np.repeat(
        np.array(list(alone), dtype=np.int64), np.array([len(points) for points in alone.values()], dtype=np.int64)
    )
    points = [point for some in alone.values() for point in some]
    if len(extra):
        owners = np.concatenate([payload, extra])
        order = np.argsort(owners, kind="stable")
        payload = owners[order]
        # Lines of bodies that were read alone are -1 and more below.
        lines = np.concatenate([lines, -1 - np.arange(len(extra))])[order]
    inside = lines >= 0
    whole = bool(inside.all())
    at = lines if whole else np.where(inside, lines, 0)
    time = np.where(parsed.timed[at], parsed.time[at], received[payload])
    strange: dict[int, _Odd] = {}
    if odd or points:
        for row in np.flatnonzero(~(inside & parsed.regular[at])).tolist():
            line = int(lines[row])
            point = odd[line] if line >= 0 else points[-1 - line]
            strange[row] = point
            time[row] = received[payload[row]] if point.time is None else point.time
    first = np.searchsorted(payload, payload)
    keys = _Keys(parsed, parsed.start[at], parsed.key_end[at], {row: p.key for row, p in strange.items()})
    fields = Fields(parsed, at, {row: p.fields for row, p in strange.items()})
    malformed = sum(p.malformed for p in strange.values())
    ordinal = (np.arange(len(at)) - first).astype(np.int32)
    return Lines(time, payload.astype(np.int32), ordinal, keys, fields, malformed)
