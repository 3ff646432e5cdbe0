"""Packed bodies made slowly, by the reference parser: what fast packers are measured by, and readers try."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray
from services.lineprotocol import reference_parser
from services.lineprotocol.packing.layout import HEAP_AT, INTEGER, MAGIC, NUMBER, TEXT, Values
from services.lineprotocol.reference_parser import MALFORMED, LineError
from services.lineprotocol.scanning import PAD

_NUMBER = re.compile(rb"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_INTEGER = re.compile(rb"0i|-?[1-9][0-9]*i")
_TIME = re.compile(rb" (0|-?[1-9][0-9]*)")
_MOST_DIGITS = 18
_ROW = np.dtype([("at", "<i8"), ("count", "<i8"), ("width", "<i8"), ("base", "<i8")])
_WIDTHS: dict[int, Any] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<i8")}


def pack(body: bytes, unit: int = 1) -> bytes | None:
    """A packed body for a text without a last line break; None where one of its lines is not plain."""
    keys: dict[bytes, int] = {}
    names: dict[bytes, int] = {}
    texts: dict[bytes, int] = {}
    shapes: dict[tuple[tuple[int, int], ...], int] = {}
    values: list[list[list[tuple[int, int]]]] = []
    key_of, shape_of, times = [], [], []
    for line in body.split(b"\n"):
        try:
            key, fields, _ = reference_parser.parse(line, unit)
        except LineError:
            return None
        time = line[len(key) + 1 + len(fields) :]
        pairs = list(reference_parser.pairs(fields))
        told = key + b" " + b",".join(name + b"=" + value for name, value in pairs) + time
        if told != line or line[:1] in (b"#", b" ", b"\t", b"\0") or not (not time or _TIME.fullmatch(time)):
            return None
        if any(reference_parser.value(value) is MALFORMED for _, value in pairs):
            return None
        found = [_value(value, texts) for _, value in pairs]
        kinds = ((names.setdefault(n, len(names)), kind) for (n, _), (kind, _, _) in zip(pairs, found, strict=True))
        shape = shapes.setdefault(tuple(kinds), len(shapes))
        if shape == len(values):
            values.append([[] for _ in pairs])
        for column, (_, number, decimals) in zip(values[shape], found, strict=True):
            column.append((number, decimals))
        key_of.append(keys.setdefault(key, len(keys)))
        shape_of.append(shape)
        times.append(int(time) if time else None)
    if None in times and any(time is not None for time in times):
        return None
    runs: list[list[int]] = []
    for time_ in times:
        if time_ is not None:
            if runs and runs[-1][0] == time_:
                runs[-1][1] += 1
            else:
                runs.append([time_, 1])
    columns = [
        [
            (name, kind, _ints(number for number, _ in column), _ints(decimals for _, decimals in column))
            for (name, kind), column in zip(fields_, values[number_], strict=True)
        ]
        for fields_, number_ in shapes.items()
    ]
    heap = b"".join([*keys, *names, *texts])
    lengths = [_ints(map(len, some)) for some in (keys, names, texts)]
    told_times, repeats = _ints(time for time, _ in runs), _ints(count for _, count in runs)
    return _body(heap, lengths, columns, _ints(key_of), _ints(shape_of), told_times, repeats)


def _value(text: bytes, texts: dict[bytes, int]) -> tuple[int, int, int]:
    match = _NUMBER.fullmatch(text)
    if match is not None:
        sign, whole, fraction = match[1], match[2], match[3] or b""
        digits = int(whole + fraction)
        if len(whole + fraction) <= _MOST_DIGITS and not (sign and not digits):
            return NUMBER, -digits if sign else digits, len(fraction)
    if _INTEGER.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return INTEGER, int(text[:-1]), 0
    return TEXT, texts.setdefault(text, len(texts)), 0


def _ints(values: object) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]


def _body(
    heap: bytes,
    lengths: Sequence[IntArray],
    shapes: Sequence[Sequence[tuple[int, int, IntArray, IntArray | int]]],
    key: IntArray,
    shape: IntArray,
    times: IntArray,
    repeats: IntArray,
) -> bytes:
    """A packed body. heap: keys, names and texts end to end; lengths: of the keys, of the names and of the texts.

    shapes: for each its fields: name, kind, values, decimals, the values of its lines in their order. The others are as
    `Packed` has them, int64.
    """
    fields = [field for one in shapes for field in one]
    counts = np.array([len(one) for one in shapes], dtype=np.int64)
    names = np.array([name for name, *_ in fields], dtype=np.int64)
    kinds = np.array([kind for _, kind, *_ in fields], dtype=np.int64)
    arrays = [_narrow(a) for a in (*lengths, counts, names, kinds, key, shape, times, repeats)]
    for _, _, values, decimals in fields:
        arrays.append(_narrow(values))
        arrays.append(Values(len(values), decimals) if isinstance(decimals, int) else _narrow(decimals))
    directory = np.zeros(len(arrays), dtype=_ROW)
    pieces = [heap, bytes(-len(heap) % 8)]
    at = HEAP_AT + directory.nbytes + len(heap) + len(pieces[1])
    for row, one in enumerate(arrays):
        array = one.array
        directory[row] = (at, one.count, 0 if array is None else array.itemsize, one.base)
        if array is not None:
            pieces += [array.tobytes(), bytes(-array.nbytes % 8)]
            at += array.nbytes + len(pieces[-1])
    head = [len(key), *(len(one) for one in lengths), len(shapes), len(fields), len(heap), 0]
    return b"".join([MAGIC, np.array(head, dtype="<i8").tobytes(), directory.tobytes(), *pieces, bytes(PAD)])


def _narrow(values: IntArray) -> Values:
    """The same as narrow as it can be."""
    if not len(values):
        return Values(0, 0)
    low, high = int(values.min()), int(values.max())
    if low == high:
        return Values(len(values), low)
    width = _width(high - low)
    if width == 8 or (low >= 0 and _width(high) == width):
        return Values(len(values), 0, values.astype(_WIDTHS[width], copy=False))
    return Values(len(values), low, (values - low).astype(_WIDTHS[width]))


def _width(most: int) -> int:
    return next(width for width in (1, 2, 4, 8) if most < 1 << 8 * width)
