"""Payloads of line protocol decoded to columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.engine.column import Column, IntArray, Rows, Value, column_of
from services.engine.lineprotocol import careful
from services.engine.lineprotocol.text import decode as decode_text

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Payload:
    """One message: line protocol, the precision of its timestamps, and when it was received (ns since 1970)."""

    body: bytes
    precision: str
    received_ns: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A payload that does not parse: its index among those given, and what the reference says of it."""

    index: int
    error: str


class Lines:
    """n points in the order of payloads and lines; the fields are decoded on demand.

    time: int64[n], ns since 1970. payload: int32[n], index among the payloads given. row: int32[n], the point's
    ordinal in its payload (comments and blank lines do not count).
    malformed: how many values were found unreadable so far; they count as missing.
    """

    def __init__(
        self, time: IntArray, payload: Int32Array, row: Int32Array, keys: list[bytes], fields: list[bytes]
    ) -> None:
        self.n = len(time)
        self.time = time
        self.payload = payload
        self.row = row
        self.malformed = 0
        self._keys = keys
        self._fields = fields
        self._parsed: list[dict[str, Value]] | None = None

    def __len__(self) -> int:
        return self.n

    def keys(self) -> list[bytes]:
        """The series key (measurement and tags as written) of each line."""
        return self._keys

    def number_keys(self, table: dict[bytes, int], new: Callable[[bytes], int]) -> IntArray:
        """Each line's series number: int64[n]. `new` numbers a key that `table` lacks; the number is put there."""
        numbers = np.empty(self.n, dtype=np.int64)
        for i, key in enumerate(self._keys):
            number = table.get(key)
            if number is None:
                number = table[key] = new(key)
            numbers[i] = number
        return numbers

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """One field over `rows` (all if None) in that order; None if none of them has it."""
        parsed = self._rows()
        index = range(self.n) if rows is None else rows.tolist()
        column = column_of([parsed[i].get(name) for i in index])
        return None if column.valid is not None and not column.valid.any() else column

    def names(self, rows: Rows | None) -> list[str]:
        """The names of all fields that occur in `rows` (all if None), sorted."""
        parsed = self._rows()
        index = range(self.n) if rows is None else rows.tolist()
        return sorted({name for i in index for name in parsed[i]})

    def _rows(self) -> list[dict[str, Value]]:
        if self._parsed is None:
            self._parsed = []
            for fields in self._fields:
                found = careful.values(fields)
                kept = {k: v for k, v in found.items() if isinstance(v, float | int | str)}
                self.malformed += len(found) - len(kept)
                self._parsed.append(kept)
        return self._parsed


def decode(payloads: Sequence[Payload]) -> tuple[Lines, list[Rejected]]:
    """All points of all payloads that parse; one that does not is left out whole."""
    time: list[int] = []
    index: list[int] = []
    row: list[int] = []
    keys: list[bytes] = []
    fields: list[bytes] = []
    rejected = []
    for i, payload in enumerate(payloads):
        unit = careful.multiplier(payload.precision)
        received = payload.received_ns // unit * unit
        points = []
        errors = []
        for line in careful.lines(payload.body):
            try:
                points.append(careful.parse(line, unit))
            except careful.LineError as error:
                errors.append(f"unable to parse '{decode_text(line)}': {error}")
        if errors:
            rejected.append(Rejected(i, "\n".join(errors)))
            continue
        keys.extend(key for key, _, _ in points)
        fields.extend(text for _, text, _ in points)
        time.extend(received if t is None else t for _, _, t in points)
        index.extend([i] * len(points))
        row.extend(range(len(points)))
    made = Lines(
        np.array(time, dtype=np.int64), np.array(index, dtype=np.int32), np.array(row, dtype=np.int32), keys, fields
    )
    return made, rejected
