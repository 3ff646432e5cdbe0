"""Columns of the fields of lines, read when they are asked for."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from services.columns.column import Rows, Value
from services.kernels.primitives import address_of
from services.lineprotocol import reference_parser
from services.lineprotocol.decoded import ColumnsOnDemand, Decoded
from services.lineprotocol.keytable import packed
from services.lineprotocol.reading import CODES, LATER, Ints, Longs, name, read
from services.lineprotocol.text import REPLACED

_SPECIAL = re.compile(r'[," =]')
_MOST_CACHED = 4096
_LEAST_BYTES = 4  # of a field with what stands before it
_LONGEST = 63  # lengths of names from here on are one to kernels


class Fields(ColumnsOnDemand):
    """The fields of some lines, and what the reference parser has read of other lines among them."""

    def __init__(
        self, raw: bytes, address: int, begins: Ints, ends: Ints, odd: Mapping[int, Mapping[str, Value]]
    ) -> None:
        """raw: the text, with PAD bytes behind it; address: of its first byte. begins, ends: int32[n], as
        services.lineprotocol.reading has them. odd: by row, what has been read already; there is nothing between begin
        and end of those."""
        super().__init__(len(begins))
        self._raw = raw
        self._address = address
        self._begins, self._ends, self._odd = begins, ends, odd

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        found = {reference_parser.unescape_name(raw) for raw in self._raw_names(rows)}
        for row in (self._odd if rows is None else rows.tolist()) if self._odd else ():
            found.update(self._odd.get(row, ()))
        return sorted(found)

    def pick(self, rows: Rows) -> Fields:
        """See Lines.pick."""
        chosen = rows.tolist()
        odd = {i: self._odd[row] for i, row in enumerate(chosen) if row in self._odd} if self._odd else {}
        spans = zip(self._begins[rows].tolist(), self._ends[rows].tolist(), strict=True)
        raw, begins, ends = packed([self._raw[begin : end + 1] for begin, end in spans])
        return Fields(raw, address_of(raw), begins, ends - np.int32(1), odd)

    def _raw_names(self, rows: Rows | None) -> set[bytes]:
        begins, ends, texts = self._spans(rows)
        cache = np.zeros(_cached(len(begins)), dtype=np.int32)
        made = name(self._address, begins, ends, cache, texts)
        return {self._text(span) for span in texts[:made].tolist()}

    def _spans(self, rows: Rows | None) -> tuple[Ints, Ints, Longs]:
        """Where the fields of some rows, of which some may come several times, or of all begin and end, and room for
        their texts."""
        if rows is None:
            return self._begins, self._ends, np.empty(len(self._raw) // _LEAST_BYTES + 1, dtype=np.int64)
        begins, ends = self._begins[rows], self._ends[rows]
        return begins, ends, np.empty(int((ends - begins).sum()) // _LEAST_BYTES + 1, dtype=np.int64)

    def _text(self, span: int) -> bytes:
        return self._raw[span >> 32 : span & 0xFFFFFFFF]

    def _read(self, names: Sequence[str], rows: Rows | None) -> list[Decoded | None]:
        """Some fields over all rows, or some."""
        begins, ends, texts = self._spans(rows)
        n = len(begins)
        heap, wanted, lengths = self._wanted(names, rows)
        codes = np.zeros((len(names), n), dtype=np.uint8)
        ints = np.empty((len(names), n), dtype=np.int64)
        cache = np.zeros((len(names), _cached(n)), dtype=np.int32)
        counts = np.zeros((len(names) + 1, CODES), dtype=np.int64)
        read(
            self._address,
            begins,
            ends,
            address_of(heap),
            wanted,
            lengths,
            codes,
            ints,
            ints.view(np.float64),
            texts,
            cache,
            counts,
        )
        strings = np.empty(int(counts[-1, 0]), dtype=np.object_)
        strings[:] = [reference_parser.string(self._text(span)) for span in texts[: len(strings)].tolist()]
        strange = self._odd_among(rows)
        found: list[Decoded | None] = []
        for column, name_ in enumerate(names):
            some = Decoded(codes[column], ints[column], strings, counts[column])
            if counts[column, LATER]:
                self._read_later(name_, some, rows)
            some.put((i, fields[name_]) for i, fields in strange if name_ in fields)
            found.append(some if some.present else None)
        return found

    def _wanted(self, names: Sequence[str], rows: Rows | None) -> tuple[bytes, Longs, np.uint64]:
        """What kernels are told of names. One with U+FFFD may stand for any of several."""
        if not any(REPLACED in name for name in names):
            return _plain(tuple(names))
        raw = {escaped(name): column for column, name in enumerate(names) if REPLACED not in name}
        columns = {name: column for column, name in enumerate(names)}
        for written in self._raw_names(rows):
            column = columns.get(reference_parser.unescape_name(written))
            if column is not None:
                raw[written] = column
        return _told(raw)

    def _odd_among(self, rows: Rows | None) -> Sequence[tuple[int, Mapping[str, Value]]]:
        if not self._odd:
            return ()
        if rows is None:
            return list(self._odd.items())
        return [(i, self._odd[row]) for i, row in enumerate(rows.tolist()) if row in self._odd]

    def _read_later(self, name: str, some: Decoded, rows: Rows | None) -> None:
        """Read one by one what a kernel has left: numbers of many digits, and what is no value."""
        values: list[tuple[int, Value]] = []
        for i, span in some.later():
            value = reference_parser.value(self._text(span))
            if isinstance(value, float | int | str):
                values.append((i, value))
            else:
                self.unreadable.add((i if rows is None else int(rows[i]), name))
        some.put(values)


def _cached(n: int) -> int:
    """How many texts are remembered while so many rows are read: a power of two."""
    return min(_MOST_CACHED, 1 << (2 * n).bit_length())


@functools.lru_cache(maxsize=256)
def _plain(names: tuple[str, ...]) -> tuple[bytes, Longs, np.uint64]:
    return _told({escaped(name): column for column, name in enumerate(names)})


def _told(raw: Mapping[bytes, int]) -> tuple[bytes, Longs, np.uint64]:
    """Names as written, and to which column each belongs, as services.lineprotocol.reading has them."""
    heap, begins, ends = packed(list(raw))
    wanted = np.empty((len(raw), 3), dtype=np.int64)
    wanted[:, 0], wanted[:, 1], wanted[:, 2] = begins, ends - begins, list(raw.values())
    lengths = 0
    for written in raw:
        lengths |= 1 << min(len(written), _LONGEST)
    return heap, wanted, np.uint64(lengths)


def escaped(name: str) -> bytes:
    """The one way in which a name stands in a regular line."""
    return _SPECIAL.sub(r"\\\g<0>", name).encode(errors="surrogatepass")
