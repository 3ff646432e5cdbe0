"""The text that a packed body stands for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from services.kernels.compiled import compiled
from services.kernels.machine_code import load
from services.kernels.primitives import address_of, put_byte, put_word, word
from services.lineprotocol.packing.layout import FIXED, HEAD, HEAP_AT, INTEGER, MOST_TEXT, NUMBER, ROW_BYTES, read
from services.lineprotocol.packing.scratch import address, room

_SLACK = 64
_LONGEST_NUMBER, _MOST_DIGITS = 32, 20
_COMMA, _EQUALS, _SPACE, _NEWLINE, _MINUS, _DOT, _ZERO, _INT = (ord(c) for c in ",= \n-.0i")
_ALL, _TEN, _NO = np.uint64(2**64 - 1), np.uint64(10), np.uint64(0)
_int64: Any = np.int64


def text_of(body: bytes, most: int = MOST_TEXT) -> bytes:
    """The text of a packed body, to the last byte, without a last line break.

    most: bytes that it may have. Raises ValueError where it has more, and where it is no packed body.
    """
    packed = read(body, most)
    begun = len(packed.keys) + len(packed.names) + len(packed.texts) + 3 * len(packed.fields) + 16
    scratch = room(begun)
    limit = most + 1 + _LONGEST_NUMBER  # so much is wanted for any number
    size = min(limit, 16 * len(body))
    while True:
        text = room((size + _SLACK) // 8)
        found = _kernel()(address_of(body), address(text), size, address(scratch))
        if 0 <= found <= most + 1:
            return text.view(np.uint8)[: max(found - 1, 0)].tobytes()
        if size >= limit:
            raise ValueError("its text is longer than it says")
        size = min(limit, 2 * size)


@functools.cache
def _kernel() -> Callable[[int, int, int, int], int]:
    """As machine code where a gateway has left that; else numba has to be loaded."""
    return load(write_text) or write_text


@compiled("int64(int64, int64, int64, int64)")
def write_text(body: int, out: int, room: int, scratch: int) -> int:
    """Write the lines of a packed body, each with a line break; how many bytes they are, -1 where there is no room.

    body: the address of one that `read` takes. room: bytes; some behind are written to. scratch: as many int64 as it
    has keys, names, texts, and three times shapes, and a few.
    """
    head = body + HEAD
    lines, keys, names = _int64(word(head, 0)), _int64(word(head, 8)), _int64(word(head, 16))
    texts, shapes, fields = _int64(word(head, 24)), _int64(word(head, 32)), _int64(word(head, 40))
    name_begins = scratch + 8 * (keys + 1)
    text_begins = name_begins + 8 * (names + 1)
    of_shape = text_begins + 8 * (texts + 1)  # its first field, how many there are, and how many lines it had
    begin = body + HEAP_AT + ROW_BYTES * (FIXED + 2 * fields)
    begin = _begins(body, 0, keys, begin, scratch)
    begin = _begins(body, 1, names, begin, name_begins)
    _begins(body, 2, texts, begin, text_begins)
    first = 0
    for shape in range(shapes):
        count = _value(body, 3, shape)
        put_word(of_shape, 24 * shape, first)
        put_word(of_shape, 24 * shape + 8, count)
        put_word(of_shape, 24 * shape + 16, 0)
        first += count
    timed = word(body + HEAP_AT + 8 * ROW_BYTES, 8) != _NO
    run, left, at = -1, 0, 0
    for line in range(lines):
        key, shape = _value(body, 6, line), of_shape + 24 * _value(body, 7, line)
        at = _copy(out, at, room, scratch + 8 * key, _SPACE)
        first, rank = _int64(word(shape, 0)), _int64(word(shape, 16))
        put_word(shape, 16, rank + 1)
        for field in range(first, first + _int64(word(shape, 8))):
            at = _copy(out, at, room, name_begins + 8 * _value(body, 4, field), _EQUALS)
            kind, value = _value(body, 5, field), _value(body, FIXED + 2 * field, rank)
            if kind != NUMBER and kind != INTEGER:
                at = _copy(out, at, room, text_begins + 8 * value, _COMMA)
                continue
            if at + _LONGEST_NUMBER > room:
                return -1
            at = _number(out, at, value, _value(body, FIXED + 2 * field + 1, rank) if kind == NUMBER else 0)
            if kind == INTEGER:
                put_byte(out, at, _INT)
                at += 1
            put_byte(out, at, _COMMA)
            at += 1
        at -= 1  # the last comma
        if at + _LONGEST_NUMBER > room:
            return -1
        if timed:
            while left == 0:
                run += 1
                left = _value(body, 9, run)
            left -= 1
            put_byte(out, at, _SPACE)
            at = _number(out, at + 1, _value(body, 8, run), 0)
        put_byte(out, at, _NEWLINE)
        at += 1
    return at


@compiled("int64(int64, int64, int64)")
def _value(body: int, row: int, index: int) -> int:
    """One value of an array."""
    about = body + HEAP_AT + ROW_BYTES * row
    width, base = word(about, 16), _int64(word(about, 24))
    if width == _NO:
        return int(base)
    eight = np.uint64(8)
    bits = word(body, _int64(word(about, 0)) + index * _int64(width)) & (_ALL >> (eight * (eight - width)))
    return int(base + _int64(bits))


@compiled("int64(int64, int64, int64, int64, int64)")
def _begins(body: int, row: int, count: int, begin: int, begins: int) -> int:
    """Note where byte strings begin that follow one another, and where the last one ends, which it gives."""
    for i in range(count):
        put_word(begins, 8 * i, begin)
        begin += _value(body, row, i)
    put_word(begins, 8 * count, begin)
    return begin


@compiled("int64(int64, int64, int64, int64, int64)")
def _copy(out: int, at: int, room: int, begins: int, mark: int) -> int:
    """Append a byte string and a mark, if there is room; where they end."""
    begin = _int64(word(begins, 0))
    length = _int64(word(begins, 8)) - begin
    if at + length < room:
        for more in range(0, length, 8):
            put_word(out, at + more, _int64(word(begin, more)))
        put_byte(out, at + length, mark)
    return int(at + length + 1)


@compiled("int64(int64, int64, int64, int64)")
def _number(out: int, at: int, value: int, decimals: int) -> int:
    """Append a number, so many of whose digits stand behind a point; where it ends."""
    left = np.uint64(value)
    if value < 0:
        put_byte(out, at, _MINUS)
        at += 1
        left = _NO - left
    digits, more = 1, _TEN
    while left >= more and digits < _MOST_DIGITS:
        digits, more = digits + 1, more * _TEN
    digits = max(digits, decimals + 1)
    end = place = at + digits + (decimals > 0)
    for _ in range(decimals):
        place -= 1
        after = left // _TEN
        put_byte(out, place, _ZERO + _int64(left - after * _TEN))
        left = after
    if decimals > 0:
        place -= 1
        put_byte(out, place, _DOT)
    for _ in range(digits - decimals):
        place -= 1
        after = left // _TEN
        put_byte(out, place, _ZERO + _int64(left - after * _TEN))
        left = after
    return int(end)
