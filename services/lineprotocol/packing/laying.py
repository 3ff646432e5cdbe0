"""What a kernel has found of a body, laid out as services.lineprotocol.packing.layout has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.compiled import compiled
from services.kernels.primitives import byte, put_word, word
from services.lineprotocol.packing.layout import FIXED, HEAD, HEAP_AT, MAGIC, ROW_BYTES
from services.lineprotocol.packing.scratch import (
    BEGIN,
    DECIMALS,
    ENTRY_BYTES,
    FIELD_KINDS,
    FIELD_NAMES,
    FIELDS_ROOM,
    HEAP,
    KEYS,
    KIND,
    LENGTH,
    LINE_KEYS,
    LINE_SHAPES,
    LINES_USED,
    NAME,
    NAMES,
    NODE_BYTES,
    NODES,
    OUT,
    OUT_ROOM,
    PARENT,
    PLACES,
    REPEATS,
    RUNS_USED,
    SHAPE_AT,
    SHAPE_LINES,
    SHAPES,
    SHAPES_USED,
    TABLE_BYTES,
    TABLES,
    TEXTS,
    TIMES,
    VALUES,
)
from services.lineprotocol.scanning import PAD

_MAGIC = int.from_bytes(MAGIC, "little", signed=True)
_1, _2, _4 = (np.uint64(2 ** (8 * width)) for width in (1, 2, 4))
_int64: Any = np.int64


@compiled("int64(int64)")
def lay(state: int) -> int:
    """How many bytes it takes; 0 where there is no room for so many."""
    lines, shapes = _int64(word(state, LINES_USED)), _int64(word(state, SHAPES_USED))
    fields = _fields(state, shapes)
    if fields < 0:
        return 0
    at = _heap(state, fields)
    if at == 0:
        return 0
    row = 0
    for table in (KEYS, NAMES, TEXTS):
        about = state + TABLES + table * TABLE_BYTES
        at = _array(state, row, at, _int64(word(about, 0)) + LENGTH, ENTRY_BYTES, _int64(word(about, 16)))
        row += 1
    at = _array(state, row, at, _int64(word(state, SHAPE_AT)), 8, shapes)
    at = _array(state, row + 1, at, _int64(word(state, FIELD_NAMES)), 8, fields)
    at = _array(state, row + 2, at, _int64(word(state, FIELD_KINDS)), 8, fields)
    at = _array(state, row + 3, at, _int64(word(state, LINE_KEYS)), 8, lines)
    at = _array(state, row + 4, at, _int64(word(state, LINE_SHAPES)), 8, lines)
    runs = _int64(word(state, RUNS_USED))
    at = _array(state, row + 5, at, _int64(word(state, TIMES)), 8, runs)
    at = _array(state, row + 6, at, _int64(word(state, REPEATS)), 8, runs)
    at = _values(state, FIXED, at, lines, shapes)
    if at == 0 or at + PAD > _int64(word(state, OUT_ROOM)):
        return 0
    out = _int64(word(state, OUT))
    for more in range(0, PAD, 8):
        put_word(out, at + more, 0)
    return int(at + PAD)


@compiled("int64(int64, int64)")
def _fields(state: int, shapes: int) -> int:
    """Write down how many fields each shape has, and what they are; gives how many there are, -1 without room."""
    nodes = _int64(word(state, TABLES + NODES * TABLE_BYTES))
    names, kinds = _int64(word(state, FIELD_NAMES)), _int64(word(state, FIELD_KINDS))
    leaves, counts = _int64(word(state, SHAPES)), _int64(word(state, SHAPE_AT))
    used = 0
    for shape in range(shapes):
        count, node = 0, _int64(word(leaves, shape * 8))
        while node:
            count += 1
            node = _int64(word(nodes + node * NODE_BYTES, PARENT))
        if used + count > _int64(word(state, FIELDS_ROOM)):
            return -1
        put_word(counts, shape * 8, count)
        used += count
        last, node = used - 1, _int64(word(leaves, shape * 8))
        while node:
            about = nodes + node * NODE_BYTES
            put_word(names, last * 8, _int64(word(about, NAME)))
            put_word(kinds, last * 8, _int64(word(about, KIND)))
            last -= 1
            node = _int64(word(about, PARENT))
    return int(used)


@compiled("int64(int64, int64)")
def _heap(state: int, fields: int) -> int:
    """Write the head and the heap; gives where it ends, 0 where there is no room."""
    out, room, heap = _int64(word(state, OUT)), _int64(word(state, OUT_ROOM)), _int64(word(state, HEAP))
    start = at = HEAP_AT + ROW_BYTES * (FIXED + 2 * fields)
    if at > room:
        return 0
    for table in (KEYS, NAMES, TEXTS):
        about = state + TABLES + table * TABLE_BYTES
        entries = _int64(word(about, 0))
        for number in range(_int64(word(about, 16))):
            entry = entries + number * ENTRY_BYTES
            begin, length = _int64(word(entry, BEGIN)), _int64(word(entry, LENGTH))
            if at + length > room:
                return 0
            for more in range(0, length, 8):
                put_word(out, at + more, _int64(word(heap, begin + more)))
            at += length
    put_word(out, at, 0)
    put_word(out, 0, _MAGIC)
    head = out + HEAD
    put_word(head, 0, _int64(word(state, LINES_USED)))
    put_word(head, 8, _int64(word(state, TABLES + KEYS * TABLE_BYTES + 16)))
    put_word(head, 16, _int64(word(state, TABLES + NAMES * TABLE_BYTES + 16)))
    put_word(head, 24, _int64(word(state, TABLES + TEXTS * TABLE_BYTES + 16)))
    put_word(head, 32, _int64(word(state, SHAPES_USED)))
    put_word(head, 40, fields)
    put_word(head, 48, at - start)
    put_word(head, 56, 0)
    return int((at + 7) & -8)


@compiled("int64(int64, int64, int64, int64, int64)")
def _values(state: int, row: int, at: int, lines: int, shapes: int) -> int:
    """Write the values of each field of each shape, and their decimals."""
    counts, begins = _int64(word(state, SHAPE_LINES)), _int64(word(state, SHAPE_AT))
    fields, of_line = _int64(word(state, SHAPES)), _int64(word(state, LINE_SHAPES))
    places = _int64(word(state, PLACES))
    for shape in range(shapes):  # the leaves are of no use any more
        put_word(fields, shape * 8, _int64(word(begins, shape * 8)))
        put_word(counts, shape * 8, 0)
    for line in range(lines):
        shape = _int64(word(of_line, line * 8))
        put_word(counts, shape * 8, _int64(word(counts, shape * 8)) + 1)
    begin = 0
    for shape in range(shapes):
        put_word(begins, shape * 8, begin)
        begin += _int64(word(counts, shape * 8))
    place = 0
    for line in range(lines):
        shape = _int64(word(of_line, line * 8))
        rank = _int64(word(begins, shape * 8))
        put_word(begins, shape * 8, rank + 1)
        put_word(places, rank * 8, place)
        place += _int64(word(fields, shape * 8))
    values, decimals = _int64(word(state, VALUES)), _int64(word(state, DECIMALS))
    for shape in range(shapes):
        count = _int64(word(counts, shape * 8))
        for nth in range(_int64(word(fields, shape * 8))):
            at = _gathered(state, row, at, values + 8 * nth, places, count)
            at = _gathered_bytes(state, row + 1, at, decimals + nth, places, count)
            row += 2
        places += 8 * count
    return at


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def _array(state: int, row: int, at: int, source: int, stride: int, count: int) -> int:
    """Write values that stand `stride` bytes apart, and their row of the directory; where they end, 0 without room."""
    low = high = _int64(0)
    if count > 0:
        low = high = _int64(word(source, 0))
    for i in range(1, count):
        value = _int64(word(source, i * stride))
        low, high = min(low, value), max(high, value)
    width, base = _width(low, high)
    out = _begin(state, row, at, count, width, base)
    if out == 0:
        return 0
    if width:
        for i in range(count):
            put_word(out, i * width, _int64(word(source, i * stride)) - base)
        put_word(out, count * width, 0)
    return int((at + count * width + 7) & -8)


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def _gathered(state: int, row: int, at: int, source: int, places: int, count: int) -> int:
    """The same with values at places."""
    low = high = _int64(word(source, 8 * _int64(word(places, 0))))
    for i in range(1, count):
        value = _int64(word(source, 8 * _int64(word(places, i * 8))))
        low, high = min(low, value), max(high, value)
    width, base = _width(low, high)
    out = _begin(state, row, at, count, width, base)
    if out == 0:
        return 0
    if width:
        for i in range(count):
            put_word(out, i * width, _int64(word(source, 8 * _int64(word(places, i * 8)))) - base)
        put_word(out, count * width, 0)
    return int((at + count * width + 7) & -8)


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def _gathered_bytes(state: int, row: int, at: int, source: int, places: int, count: int) -> int:
    """The same with values of one byte, and a base of 0 where they differ."""
    first = byte(source, _int64(word(places, 0)))
    differ = 0
    for i in range(1, count):
        differ |= byte(source, _int64(word(places, i * 8))) ^ first
    width = 1 if differ else 0
    out = _begin(state, row, at, count, width, 0 if differ else first)
    if out == 0:
        return 0
    if width:
        for i in range(count):
            put_word(out, i, byte(source, _int64(word(places, i * 8))))
        put_word(out, count, 0)
    return int((at + count * width + 7) & -8)


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def _begin(state: int, row: int, at: int, count: int, width: int, base: int) -> int:
    """The address of where an array may be written that its row says; 0 where there is no room for it."""
    out = _int64(word(state, OUT))
    if at == 0 or at + count * width + 8 > _int64(word(state, OUT_ROOM)):
        return 0
    entry = out + HEAP_AT + row * ROW_BYTES
    put_word(entry, 0, at)
    put_word(entry, 8, count)
    put_word(entry, 16, width)
    put_word(entry, 24, base)
    return int(out + at)


@compiled("UniTuple(int64, 2)(int64, int64)")
def _width(low: int, high: int) -> tuple[int, int]:
    """How many bytes a value needs, and what to take away from each."""
    if low == high:
        return 0, low
    width = _bytes_of(np.uint64(high) - np.uint64(low))
    if width == 8 or (low >= 0 and _bytes_of(np.uint64(high)) == width):
        return width, 0
    return width, low


@compiled("int64(uint64)")
def _bytes_of(most: Any) -> int:
    if most < _1:
        return 1
    if most < _2:
        return 2
    return 4 if most < _4 else 8
