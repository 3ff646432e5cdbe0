"""A body of plain valid lines packed, by one pass over it and one over what it says.

What it lets pass is valid; of what is valid it lets pass most: no comments, no lines that are empty, no more than one
space between parts, no line breaks in strings, and times in all lines or in none.

A line's key is mostly that of the entry behind the last line's, and each of its fields the one that came last behind
the field before it: bytes are compared then, and nothing is looked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.byte_strings import same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import byte, no_digits, put_byte, put_word, trailing_zeros, word
from services.lineprotocol.packing.laying import lay
from services.lineprotocol.packing.layout import INTEGER, NUMBER, TEXT
from services.lineprotocol.packing.numbers import digits_of
from services.lineprotocol.packing.parts import (
    COMMA,
    DOT,
    EQUALS,
    INT,
    MINUS,
    NEWLINE,
    SPACE,
    TAB,
    ZERO,
    key_length,
    part_end,
    text_end,
)
from services.lineprotocol.packing.scratch import (
    BEGIN,
    DECIMALS,
    ENTRY_BYTES,
    FIRST_NODE,
    GUESS,
    HEAP,
    KEYS,
    KIND,
    LENGTH,
    LINE_KEYS,
    LINE_SHAPES,
    LINES_ROOM,
    LINES_USED,
    NAME,
    NAME_BEGIN,
    NAME_LENGTH,
    NAMES,
    NEAR,
    NODE_BYTES,
    NODES,
    POWERS,
    REPEATS,
    RUNS_USED,
    SHAPE,
    SHAPES,
    SHAPES_ROOM,
    SHAPES_USED,
    TABLE_BYTES,
    TABLES,
    TEXTS,
    TIMED,
    TIMES,
    VALUES,
    VALUES_ROOM,
    VALUES_USED,
)
from services.lineprotocol.packing.tables import entry_of, node_of

_MOST_DIGITS = 18
_ONE = np.uint64(1)
_int64: Any = np.int64


@compiled("int64(int64, int64, int64, int64, int64, int64, int64)")
def pack(text: int, until: int, rest: int, end: int, most_time: int, longest_key: int, state: int) -> int:
    """How many bytes a body takes when it is packed, which lie in the scratch then; 0 where they are more than they may
    be; -1 where it has a line that is not plain, or there is no room for what it says.

    text: the address of the body up to `until`, where a line begins, with PAD bytes behind that can be read. rest: an
    address from `until` bytes behind which on the rest lies, up to `end` bytes behind it: the last of them is a line
    break, and PAD others can be read. most_time: the largest time, in units of the timestamps. longest_key: bytes.
    state: the address of the state of a Scratch that was made for so many bytes, and has begun.
    """
    if not _read(text, 0, until, most_time, longest_key, state) or not _read(
        rest, until, end, most_time, longest_key, state
    ):
        return -1
    return int(lay(state))


@compiled("boolean(int64, int64, int64, int64, int64, int64)")
def _read(text: int, start: int, end: int, most_time: int, longest_key: int, state: int) -> bool:
    """Note what lines say; whether all are plain and there is room."""
    most_digits, most_first = 1, most_time
    while most_first > 9:
        most_digits, most_first = most_digits + 1, most_first // 10
    powers, heap = state + POWERS, _int64(word(state, HEAP))
    keys = _int64(word(state, TABLES + KEYS * TABLE_BYTES))
    nodes = _int64(word(state, TABLES + NODES * TABLE_BYTES))
    values, decimal_places = _int64(word(state, VALUES)), _int64(word(state, DECIMALS))
    most_lines, most_values = _int64(word(state, LINES_ROOM)), _int64(word(state, VALUES_ROOM))
    line_keys, line_shapes = _int64(word(state, LINE_KEYS)), _int64(word(state, LINE_SHAPES))
    used, lines, near = _int64(word(state, VALUES_USED)), _int64(word(state, LINES_USED)), _int64(word(state, NEAR))
    while start < end:
        length = 0
        if near < _int64(word(state, TABLES + KEYS * TABLE_BYTES + 16)):
            entry = keys + near * ENTRY_BYTES
            length = _int64(word(entry, LENGTH))
            if (
                start + length >= end
                or byte(text, start + length) != SPACE
                or not same_bytes(text, start, heap, _int64(word(entry, BEGIN)), length)
            ):
                length = 0
        if length == 0:
            length = key_length(text, start)
            if length <= 0 or length > longest_key:
                return False
            near = entry_of(state, KEYS, text, start, length)
            if near < 0:
                return False
        key = keys + near * ENTRY_BYTES
        at = start + length
        if byte(text, at + 1) == TAB or byte(text, at + 1) == 0 or lines >= most_lines:
            return False
        node, mark = 0, COMMA
        guess = _int64(word(key, FIRST_NODE))
        if guess == 0:
            guess = _int64(word(nodes, GUESS))
        while mark == COMMA:
            begin = at + 1
            about = nodes + guess * NODE_BYTES
            length = _int64(word(about, NAME_LENGTH))
            if (
                guess > 0
                and begin + length < end
                and byte(text, begin + length) == EQUALS
                and same_bytes(text, begin, heap, _int64(word(about, NAME_BEGIN)), length)
            ):
                name = _int64(word(about, NAME))
            else:
                guess = 0
                length = part_end(text, begin) - begin
                if length <= 0 or byte(text, begin + length) != EQUALS:
                    return False
                name = entry_of(state, NAMES, text, begin, length)
                if name < 0:
                    return False
            value = begin + length + 1
            digits = value + (byte(text, value) == MINUS)
            others = no_digits(text, digits)
            whole = trailing_zeros(others)
            at = digits + whole
            mark = byte(text, at)
            decimals = 0
            kind = NUMBER
            if mark == DOT:
                at = digits + trailing_zeros(others & (others - _ONE))
                decimals = at - digits - whole - 1
                mark = byte(text, at) if decimals > 0 else 0
            elif mark == INT:
                at += 1
                mark = byte(text, at)
                kind = INTEGER
            number = 0
            if (
                mark in (COMMA, SPACE, NEWLINE)
                and whole > 0
                and whole + decimals <= _MOST_DIGITS
                and (whole == 1 or byte(text, digits) != ZERO)
            ):
                number = digits_of(text, digits, whole, decimals, powers)
                if digits > value:
                    number = -number
                    if number == 0:
                        mark = 0
            else:
                mark = 0
            if mark == 0:
                kind, decimals = TEXT, 0
                at = text_end(text, value)
                if at < 0:
                    return False
                number = entry_of(state, TEXTS, text, value, at - value)
                if number < 0:
                    return False
                mark = byte(text, at)
            if guess > 0 and _int64(word(about, KIND)) == kind:
                child = guess
            else:
                child = node_of(state, node, name, kind)
                if child < 0:
                    return False
                put_word(nodes + node * NODE_BYTES, GUESS, child)
            if node == 0:
                put_word(key, FIRST_NODE, child)
                put_word(nodes, GUESS, child)
            node = child
            guess = _int64(word(nodes + node * NODE_BYTES, GUESS))
            if used >= most_values:
                return False
            put_word(values, used * 8, number)
            put_byte(decimal_places, used, decimals)
            used += 1
        timed = mark == SPACE
        if lines == 0:
            put_word(state, TIMED, timed)
        elif _int64(word(state, TIMED)) != timed:
            return False
        if timed:
            at = _time(text, at + 1, most_digits, most_first, state)
            if at < 0:
                return False
            mark = byte(text, at)
        if mark != NEWLINE:
            return False
        shape = _int64(word(nodes + node * NODE_BYTES, SHAPE)) - 1
        if shape < 0:
            shape = _shape_of(state, node)
            if shape < 0:
                return False
        put_word(line_keys, lines * 8, near)
        put_word(line_shapes, lines * 8, shape)
        lines += 1
        near += 1
        start = at + 1
    put_word(state, VALUES_USED, used)
    put_word(state, LINES_USED, lines)
    put_word(state, NEAR, near)
    return True


@compiled("int64(int64, int64, int64, int64, int64)")
def _time(text: int, begin: int, most_digits: int, most_first: int, state: int) -> int:
    """Note a time; where it ends, -1 where there is none that may be one."""
    at = begin + (byte(text, begin) == MINUS)
    length = trailing_zeros(no_digits(text, at))
    first = byte(text, at)
    if (
        length == 0
        or length > most_digits
        or (length == most_digits and first - ZERO >= most_first)
        or (first == ZERO and (length > 1 or at > begin))
    ):
        return -1
    time = digits_of(text, at, length, 0, state + POWERS)
    if at > begin:
        time = -time
    runs = _int64(word(state, RUNS_USED))
    times, repeats = _int64(word(state, TIMES)), _int64(word(state, REPEATS))
    if runs > 0 and _int64(word(times, runs * 8 - 8)) == time:
        put_word(repeats, runs * 8 - 8, _int64(word(repeats, runs * 8 - 8)) + 1)
    else:
        put_word(times, runs * 8, time)
        put_word(repeats, runs * 8, 1)
        put_word(state, RUNS_USED, runs + 1)
    return int(at + length)


@compiled("int64(int64, int64)")
def _shape_of(state: int, node: int) -> int:
    """A new shape, that of a node; -1 where there is no room for it."""
    shape = _int64(word(state, SHAPES_USED))
    if shape >= _int64(word(state, SHAPES_ROOM)):
        return -1
    put_word(_int64(word(state, SHAPES)), shape * 8, node)
    put_word(state, SHAPES_USED, shape + 1)
    nodes = _int64(word(state, TABLES + NODES * TABLE_BYTES))
    put_word(nodes + node * NODE_BYTES, SHAPE, shape + 1)
    return int(shape)
