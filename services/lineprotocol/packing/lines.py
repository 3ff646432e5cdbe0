"""Packed bodies decoded to columns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from services.columns.column import Column, IntArray, Rows
from services.kernels.primitives import address_of
from services.lineprotocol import reference_parser
from services.lineprotocol.keytable import KeyTable, packed
from services.lineprotocol.lines import EVERY_LINE, Int32Array, Payload, RejectedPayload, WantedLines
from services.lineprotocol.packing.fields import PackedFields, Texts, unescaped
from services.lineprotocol.packing.layout import LEAST_LINE, LEAST_VALUE, head
from services.lineprotocol.packing.parts import BEHIND_A_KEY, look_at_keys
from services.lineprotocol.packing.unpacking import (
    BODY,
    FIELD_PARTS,
    KEY,
    KEY_BEGIN,
    KEY_LENGTH,
    KEY_PARTS,
    KEY_SERIES,
    KEY_SKIP,
    KEYS,
    NAMES,
    PAYLOAD,
    PLACE,
    PLACES,
    REASONS,
    ROW,
    SERIES,
    SHAPE,
    SHAPES,
    Ints,
    Longs,
    unpack,
)
from services.lineprotocol.scanning import MOST_BYTES

_HEADS = 7


class PackedLines:
    """What services.lineprotocol.lines.Lines is, of packed bodies."""

    def __init__(self, unpacked: _Unpacked, index: Int32Array, series: KeyTable) -> None:
        """index: of each body among the payloads. series: by which lines are numbered already."""
        places = unpacked.places
        self.n: Final = len(unpacked.time)
        self.time = unpacked.time
        all_are = len(index) == 0 or index[-1] == len(index) - 1
        self.payload: Int32Array = places[PAYLOAD] if all_are else index[places[PAYLOAD]]
        self.row: Int32Array = places[ROW]
        self.skipped = unpacked.skipped
        if not all_are:
            self.skipped = np.concatenate([index[unpacked.skipped[:1]], unpacked.skipped[1:]])
        self._raw, self._address = unpacked.raw, unpacked.address
        self._keys, self._key, self._numbers = unpacked.keys, places[KEY], places[SERIES]
        self._series = series
        self._unpacked = unpacked

    def __len__(self) -> int:
        return self.n

    @property
    def malformed(self) -> int:
        """See Lines.malformed."""
        return len(self._fields.unreadable)

    def keys(self) -> list[bytes]:
        """See Lines.keys."""
        begins, ends = self._spans(self._key)
        return [self._raw[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]

    def number_keys(self, table: KeyTable, new: Callable[[bytes], int]) -> Int32Array:
        """See Lines.number_keys."""
        numbers: Int32Array = self._numbers.copy() if table is self._series else np.full(self.n, -1, dtype=np.int32)
        rows = (numbers < 0).nonzero()[0]
        if len(rows):
            keys, first, place = np.unique(self._key[rows], return_index=True, return_inverse=True)
            order = np.argsort(first)  # numbers are given as keys come
            found = np.empty(len(keys), dtype=np.int32)
            found[order] = table.number(self._raw, self._address, *self._spans(keys[order]), new)
            numbers[rows] = found[place]
        return numbers

    @functools.cached_property
    def _fields(self) -> PackedFields:
        unpacked = self._unpacked
        return PackedFields(
            unpacked.raw,
            unpacked.address,
            unpacked.places[SHAPE],
            unpacked.places[PLACE],
            unpacked.shapes,
            unpacked.fields,
            [unescaped(name) for name in unpacked.names],
            Texts(unpacked.raw, unpacked.texts),
        )

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        """See Lines.columns."""
        return self._fields.columns(names, rows)

    def column(self, name: str, rows: Rows | None) -> Column | None:
        """One field, as `columns` gives it."""
        return self._fields.columns([name], rows)[0]

    def names(self, rows: Rows | None) -> list[str]:
        """See Lines.names."""
        return self._fields.names(rows)

    def pick(self, rows: Rows) -> PackedFields:
        """See Lines.pick."""
        return self._fields.pick(rows)

    def _spans(self, keys: Int32Array) -> tuple[Ints, Ints]:
        begins = self._keys[keys, KEY_BEGIN].astype(np.int32)
        return begins, begins + self._keys[keys, KEY_LENGTH].astype(np.int32)


def decode_packed(
    payloads: Sequence[Payload], wanted: WantedLines = EVERY_LINE
) -> tuple[PackedLines, list[RejectedPayload]]:
    """The same of packed payloads as services.lineprotocol.lines.decode of such as are text.

    What is no packed body, or not one of line protocol, is rejected: as far as that matters to lines that are wanted.
    Raises ValueError where they are 2 GiB or more together.
    """
    rejected: dict[int, str] = {}
    heads: dict[int, list[int]] = {}
    for index, payload in enumerate(payloads):
        try:
            heads[index] = _head(payload)
        except ValueError as error:
            rejected[index] = str(error)
    while True:
        indexes = list(heads)
        unpacked = _Unpacked([payloads[index] for index in indexes], list(heads.values()), wanted)
        if not (wrong := unpacked.wrong()):
            break
        for place, why in wrong.items():
            rejected[indexes[place]] = why
            del heads[indexes[place]]
    lines = PackedLines(unpacked, np.array(indexes, dtype=np.int32), wanted.series)
    return lines, [RejectedPayload(index, f"packed: {rejected[index]}") for index in sorted(rejected)]


def _head(payload: Payload) -> list[int]:
    found = head(payload.body)
    if found[0] * LEAST_LINE > payload.text_bytes + 1:
        raise ValueError("it has more lines than the text that it stands for")
    return found


class _Unpacked:
    """What the kernel makes of some bodies: see services.lineprotocol.packing.unpacking."""

    def __init__(self, payloads: Sequence[Payload], heads: Sequence[Sequence[int]], wanted: WantedLines) -> None:
        self.raw, self._bodies = _bodies(payloads, heads)
        self.address = address_of(self.raw) if payloads else 0
        lines, keys, names, texts, shapes, fields, _ = map(sum, zip(*heads, strict=True)) if heads else [0] * _HEADS
        places: Ints = np.empty((PLACES, lines), dtype=np.int32)
        time = np.empty(lines, dtype=np.int64)
        skipped = np.empty((3, lines if wanted.measurements else 0), dtype=np.int32)
        self.keys: Longs = np.empty((keys, KEY_PARTS), dtype=np.int64)
        spans = np.empty((names, 2), dtype=np.int64)
        self.texts: Longs = np.empty((texts, 2), dtype=np.int64)
        self.fields: Longs = np.empty((fields, FIELD_PARTS), dtype=np.int64)
        self.shapes: Longs = np.zeros((shapes, 2), dtype=np.int64)
        self._bad: Longs = np.empty(len(payloads), dtype=np.int64)
        counts = np.zeros(4, dtype=np.int64)
        unpack(
            self.address,
            self._bodies,
            *wanted.numbers.told,
            wanted.wanted,
            *wanted.series.told,
            len(wanted.series) > 0,
            wanted.foreign,
            self.keys,
            spans,
            self.texts,
            self.fields,
            np.zeros(fields, dtype=np.int64),
            self.shapes,
            places,
            time,
            skipped,
            np.full(wanted.measurements, -1, dtype=np.int32),
            self._bad,
            counts,
        )
        n, skips, self._unknown, self._wrong = counts.tolist()
        self._wordy = self._of_many_values(payloads) if not self._wrong else {}
        self.places, self.time, self.skipped = places[:, :n], time[:n], skipped[:, :skips]
        raw = self.raw
        self.names = [] if self._wrong else [raw[at : at + length] for at, length in spans.tolist()]

    def wrong(self) -> dict[int, str]:
        """Why bodies are none, by their index."""
        if self._wrong:
            bad = self._bad.nonzero()[0]
            return {index: REASONS[why] for index, why in zip(bad.tolist(), self._bad[bad].tolist(), strict=True)}
        found = self._wordy
        if self._unknown:
            unknown = ((self.keys[:, KEY_SERIES] < 0) & (self.keys[:, KEY_SKIP] < 0)).nonzero()[0]
            ends = np.cumsum(self._bodies[:, KEYS])
            keys = [self.raw[at : at + length] for at, length in self.keys[unknown, :2].tolist()]
            for number in _not_plain(keys).tolist():
                if not _is_key(keys[number]):
                    found[int(np.searchsorted(ends, unknown[number], "right"))] = "a key is none"
        if not all(map(_is_name, self.names)):
            ends = np.cumsum(self._bodies[:, NAMES])
            for number, name in enumerate(self.names):
                if not _is_name(name):
                    found[int(np.searchsorted(ends, number, "right"))] = "a name is none"
        return found

    def _of_many_values(self, payloads: Sequence[Payload]) -> dict[int, str]:
        """Why bodies are none that say more values than their text could, by their index."""
        ends, lines = self.shapes.T
        values = np.concatenate([[0], np.cumsum(np.diff(ends, prepend=0) * lines)])
        last = np.cumsum(self._bodies[:, SHAPES])
        counts = values[last] - values[last - self._bodies[:, SHAPES]]
        most = np.array([payload.text_bytes // LEAST_VALUE for payload in payloads], dtype=np.int64)
        return dict.fromkeys((counts > most).nonzero()[0].tolist(), "it has more values than its text could")


def _bodies(payloads: Sequence[Payload], heads: Sequence[Sequence[int]]) -> tuple[bytes, Longs]:
    """The bodies end to end, and what `unpack` is told of them."""
    if (size := sum(len(p.body) for p in payloads)) > MOST_BYTES:
        raise ValueError(f"{size} bytes of packed line protocol are too many at once, at most {MOST_BYTES}")
    bodies = []
    begin = 0
    for payload, parts in zip(payloads, heads, strict=True):
        unit = reference_parser.multiplier(payload.precision)
        received = payload.received_ns // unit * unit
        bodies.append((begin, len(payload.body), unit, reference_parser.MAX_TIME // unit, received, *parts))
        begin += len(payload.body)
    told = np.array(bodies, dtype=np.int64).reshape(len(bodies), BODY)
    return b"".join([p.body for p in payloads]), told


def _not_plain(keys: Sequence[bytes]) -> IntArray:
    """The numbers of those keys that a kernel does not see to be keys: few, if any, since packing had to see it."""
    text, begins, ends = packed([key + BEHIND_A_KEY for key in keys])
    plain = np.empty(len(keys), dtype=np.bool_)
    look_at_keys(address_of(text), begins, ends, plain)
    return (~plain).nonzero()[0]


def _is_key(key: bytes) -> bool:
    """Whether a line may begin with it."""
    return key[:1] not in _BEGINS_NO_KEY and b"\n" not in key and _begins(key + b" v=1", key, b"v=1")


_BEGINS_NO_KEY = {b" ", b"\t", b"\0", b"#"}


@functools.lru_cache(maxsize=4096)
def _is_name(name: bytes) -> bool:
    """Whether a field may have it."""
    return name[:1] not in _BEGINS_NO_NAME and b"\n" not in name and _begins(b"m " + name + b"=1", b"m", name + b"=1")


_BEGINS_NO_NAME = {b" ", b"\t", b"\0"}


def _begins(line: bytes, key: bytes, fields: bytes) -> bool:
    """Whether a line has this key, and these fields of which there is one."""
    try:
        found = reference_parser.parse(line, 1)
    except reference_parser.LineError:
        return False
    return found == (key, fields, None) and len(list(reference_parser.pairs(fields))) == 1
