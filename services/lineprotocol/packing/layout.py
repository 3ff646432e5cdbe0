"""How a packed body lies in memory: what `read` makes of it.

A packed body holds what a body of line protocol says, such that its text can be made again to the last byte: series
keys, names of fields and values that are not plain numbers stand there once each, as they were written; a number is an
integer and how many of its digits are decimals. Lines with the same names and kinds of fields in the same order have
one shape; the values of a shape's lines stand field by field, in their order.

    magic           8 bytes
    head            int64[8]: lines, keys, names, texts, shapes, fields, bytes of the heap, 0
    directory       a row an array: where it begins, how many values it has, how wide one is (bytes, 0 where all are
                    `base`), and what is to be added to each
    heap            the keys, names and texts, end to end
    arrays          unsigned little-endian integers, each array at a multiple of 8
    padding         PAD bytes

The arrays are: lengths of the keys, the names, the texts; how many fields each shape has, of each field its name and
its kind; of each line its key and its shape; times that follow one another, as written, and how many lines have each of
them (none where no line says its time); then for each field its values, and the decimals of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray
from services.lineprotocol.scanning import MOST_BYTES, PAD

Ints = NDArray[np.int32]

PACKED: Final = "packed"
"""The header of a message whose body is packed: how many bytes of text it stands for."""
LEAST_LINE: Final = 6
"""Bytes of a line with the break behind it."""
LEAST_VALUE: Final = 4
"""Bytes of a field with the mark before it."""
MOST_LINES: Final = 2**20
"""A few bytes can say that they are so many lines, and each takes a hundred bytes of whoever reads them."""
MOST_TEXT: Final = 24 << 20
"""Bytes that a packed body may stand for."""

MOST_DECIMALS: Final = 18

NUMBER, INTEGER, TEXT = range(3)
"""Kinds of values: digits with `decimals` of them behind a point, if there are any; digits with an i behind them; what
is said by a text, the index of which the value is."""

MAGIC: Final = b"\xfftbpack1"
HEAD: Final = 8
"""Where the head begins, with how many lines a body has."""
_HEAD = 8
_NUMBERS = struct.Struct(f"<{_HEAD}q")
_ROW = np.dtype([("at", "<i8"), ("count", "<i8"), ("width", "<i8"), ("base", "<i8")])
_WIDTHS: dict[int, Any] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<i8")}
ROW_BYTES: Final = _ROW.itemsize
FIXED: Final = 10
"""Arrays before those of fields."""
HEAP_AT: Final = HEAD + 8 * _HEAD
"""Where the directory begins, and the heap would without it."""


@dataclass(frozen=True, slots=True)
class Values:
    """Integers: `base`, to which what is in `array` is added where there is one."""

    count: int
    base: int
    array: NDArray[Any] | None = None

    def all(self) -> IntArray:
        """int64[count], not to be written to."""
        if self.array is None:
            return np.broadcast_to(np.int64(self.base), self.count)
        return self.array.astype(np.int64, copy=False) if self.base == 0 else self.array + np.int64(self.base)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a shape. name: its index; decimals: of NUMBERs, as many as values."""

    name: int
    kind: int
    values: Values
    decimals: Values


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed body, read.

    raw: the body. keys, texts: int32[k, 2], where each begins and ends in it. names: as written. fields: those of each
    shape, in their order; a name may come twice, then the last one counts. key: int32[n], the key of each line. shape:
    int32[n], None where there is one only. times, repeats: int64[r], times that follow one another, in the unit in
    which they were written, and how many lines have each; empty where no line says its time.
    """

    raw: bytes
    n: int
    keys: Ints
    names: list[bytes]
    texts: Ints
    fields: list[list[Field]]
    key: Ints
    shape: Ints | None
    times: IntArray
    repeats: IntArray


def read(body: bytes, most: int = MOST_TEXT) -> Packed:
    """What a body holds. most: bytes of text that it may stand for.

    Raises ValueError where it is not such a body, whatever else it is, and where it says more than so many bytes could.
    """
    its_head = head(body)
    n, keys, names, texts, shapes, fields, heap = its_head
    if n * LEAST_LINE > most + 1:
        raise ValueError(_TOO_LONG)
    arrays = _arrays(body, FIXED + 2 * fields)
    fixed = arrays[:FIXED]
    counts = (keys, names, texts, shapes, fields, fields, n, n, fixed[8].count, fixed[8].count)
    if any(one.count != count for one, count in zip(fixed, counts, strict=True)):
        raise ValueError("its arrays are not as long as it says")
    at = HEAP_AT + ROW_BYTES * len(arrays)
    lengths = np.concatenate([one.all() for one in fixed[:3]])
    if _outside(lengths, heap + 1) or int(lengths.sum()) != heap or at + heap > len(body) - PAD:
        raise ValueError("its texts are not as long as it says")
    ends = at + np.cumsum(lengths)
    spans = np.stack([ends - lengths, ends], axis=1).astype(np.int32)
    per_shape, name, kind = (one.all() for one in fixed[3:6])
    if (
        _outside(per_shape, fields + 1)
        or int(per_shape.sum()) != fields
        or _outside(name, names)
        or _outside(kind, TEXT + 1)
        or (shapes and int(per_shape.min()) < 1)
    ):
        raise ValueError("its fields are not as many as it says")
    repeats = fixed[9].all()
    if fixed[8].count and (int(repeats.min()) < 1 or int(repeats.sum()) != n):
        raise ValueError("its times are not as many as its lines")
    if _outside(fixed[6].all(), keys) or _outside(fixed[7].all(), shapes):
        raise ValueError("a line is of nothing that it has")
    key = fixed[6].all().astype(np.int32)
    shape = None if shapes == 1 else fixed[7].all().astype(np.int32)
    lines = np.array([n]) if shape is None else np.bincount(shape, minlength=shapes)
    least = (
        n
        + int(lengths[:keys][key].sum())
        + _least(lengths[keys : keys + names][name] + (LEAST_VALUE - 1), per_shape, lines)
    )
    if least > most + 1:
        raise ValueError(_TOO_LONG)
    found = _fields(arrays[FIXED:], per_shape.tolist(), name.tolist(), kind.tolist(), lines.tolist(), texts)
    if least + _least_texts(found, lengths[keys + names :]) > most + 1:
        raise ValueError(_TOO_LONG)
    told = [body[begin:end] for begin, end in spans[keys : keys + names].tolist()]
    return Packed(body, n, spans[:keys], told, spans[keys + names :], found, key, shape, fixed[8].all(), repeats)


def head(body: bytes) -> list[int]:
    """How many lines, keys, names, texts, shapes, fields and bytes of the heap it has. ValueError where it is none."""
    if len(body) > MOST_BYTES or not body.startswith(MAGIC) or len(body) < HEAP_AT + PAD:
        raise ValueError("it is no packed body")
    *found, zero = _NUMBERS.unpack_from(body, HEAD)
    lines, keys, names, texts, shapes, fields, heap = found
    if zero or min(found) < 0 or lines > MOST_LINES or max(keys, names, texts, heap) > len(body):
        raise ValueError("its head is not one of a packed body")
    if keys + names + texts > heap or shapes > fields or fields > len(body) // (2 * ROW_BYTES):
        raise ValueError("it has more than there is room for")
    return found


def _arrays(body: bytes, count: int) -> list[Values]:
    if HEAP_AT + ROW_BYTES * count > len(body) - PAD:
        raise ValueError("it ends before its directory does")
    rows = np.frombuffer(body, dtype=_ROW, count=count, offset=HEAP_AT).tolist()
    found = []
    for at, many, width, base in rows:
        if not width:
            if not 0 <= many <= MOST_LINES:
                raise ValueError("an array is longer than lines can be")
            found.append(Values(many, base))
            continue
        dtype = _WIDTHS.get(width)
        if dtype is None or many < 0 or at < 0 or at + many * width > len(body) - PAD:
            raise ValueError("an array is not in it")
        found.append(Values(many, base, np.frombuffer(body, dtype=dtype, count=many, offset=at)))
    return found


def _fields(
    arrays: Sequence[Values],
    per_shape: Sequence[int],
    name: Sequence[int],
    kind: Sequence[int],
    lines: Sequence[int],
    texts: int,
) -> list[list[Field]]:
    found: list[list[Field]] = []
    at = 0
    for shape, count in enumerate(per_shape):
        fields = []
        for number in range(at, at + count):
            values, decimals = arrays[2 * number], arrays[2 * number + 1]
            if values.count != lines[shape] or decimals.count != lines[shape]:
                raise ValueError("a field has not as many values as lines")
            if kind[number] == TEXT and _outside(values.all(), texts):
                raise ValueError("a value is a text that it has not")
            if kind[number] == NUMBER and _outside(decimals.all(), MOST_DECIMALS + 1):
                raise ValueError("a number has more decimals than there can be")
            fields.append(Field(name[number], kind[number], values, decimals))
        found.append(fields)
        at += count
    return found


_TOO_LONG = "its text is longer than it says"


def _least(field: IntArray, per_shape: IntArray, lines: IntArray) -> int:
    """Bytes that fields take in all lines. field: of each one, with a value of one letter."""
    return int(np.dot(np.add.reduceat(field, np.cumsum(per_shape) - per_shape), lines)) if len(per_shape) else 0


def _least_texts(shapes: Sequence[Sequence[Field]], lengths: IntArray) -> int:
    """Bytes that values which are texts take in all lines, beside one of each."""
    texts = (field.values.all() for fields in shapes for field in fields if field.kind == TEXT)
    return sum(int(lengths[numbers].sum()) - len(numbers) for numbers in texts)


def _outside(values: IntArray, below: int) -> bool:
    """Whether a value is not within 0 … below-1."""
    return bool(len(values)) and (int(values.min()) < 0 or int(values.max()) >= below)
