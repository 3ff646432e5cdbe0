"""The tables of what a body holds, for kernels: see services.lineprotocol.packing.scratch."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import put_word, word
from services.lineprotocol.packing.scratch import (
    BEGIN,
    ENTRY_BYTES,
    FIRST_NODE,
    GUESS,
    HASH,
    HEAP,
    HEAP_ROOM,
    HEAP_USED,
    KIND,
    LENGTH,
    NAME,
    NAME_BEGIN,
    NAME_LENGTH,
    NAMES,
    NODE_BYTES,
    NODE_HASH,
    NODES,
    PARENT,
    SEED,
    SHAPE,
    SLOTS,
    SLOTS_LAST,
    SLOTS_ROOM,
    SLOTS_USED,
    TABLE_BYTES,
    TABLES,
)

_FACTOR, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_int64: Any = np.int64


@compiled("int64(int64, int64, int64, int64, int64)")
def entry_of(state: int, table: int, text: int, begin: int, length: int) -> int:
    """The number of some bytes in a table, where they are entered if it lacks them; -1 where there is no room."""
    found = hash_of(text, begin, length, word(state, SEED) ^ np.uint64(table))
    about = state + TABLES + table * TABLE_BYTES
    entries, heap = _int64(word(about, 0)), _int64(word(state, HEAP))
    slots, last = _int64(word(state, SLOTS)), _int64(word(state, SLOTS_LAST))
    slot = _int64(found) & last
    told = _int64(word(slots, slot * 8))
    while told:
        if (told - 1) & 3 == table:
            number = (told - 1) >> 2
            entry = entries + number * ENTRY_BYTES
            if (
                word(entry, HASH) == found
                and _int64(word(entry, LENGTH)) == length
                and same_bytes(text, begin, heap, _int64(word(entry, BEGIN)), length)
            ):
                return int(number)
        slot = (slot + 1) & last
        told = _int64(word(slots, slot * 8))
    number, used = _int64(word(about, 16)), _int64(word(state, HEAP_USED))
    if number >= _int64(word(about, 8)) or used + length > _int64(word(state, HEAP_ROOM)):
        return -1
    for at in range(0, length, 8):
        put_word(heap, used + at, _int64(word(text, begin + at)))
    put_word(state, HEAP_USED, used + length)
    entry = entries + number * ENTRY_BYTES
    put_word(entry, HASH, _int64(found))
    put_word(entry, BEGIN, used)
    put_word(entry, LENGTH, length)
    put_word(entry, FIRST_NODE, 0)
    put_word(about, 16, number + 1)
    put_word(slots, slot * 8, 1 + number * 4 + table)
    return int(number) if _has_room(state) else -1


@compiled("int64(int64, int64, int64, int64)")
def node_of(state: int, parent: int, name: int, kind: int) -> int:
    """The node of a field of such a name and kind behind a parent; -1 where there is no room for it."""
    found = (word(state, SEED) ^ np.uint64(parent * 4 + kind)) * _FACTOR
    found = ((found ^ (found >> _HALF)) ^ np.uint64(name)) * _FACTOR
    found ^= found >> _HALF
    about = state + TABLES + NODES * TABLE_BYTES
    nodes = _int64(word(about, 0))
    slots, last = _int64(word(state, SLOTS)), _int64(word(state, SLOTS_LAST))
    slot = _int64(found) & last
    told = _int64(word(slots, slot * 8))
    while told:
        if (told - 1) & 3 == NODES:
            number = (told - 1) >> 2
            node = nodes + number * NODE_BYTES
            if (
                _int64(word(node, PARENT)) == parent
                and _int64(word(node, NAME)) == name
                and _int64(word(node, KIND)) == kind
            ):
                return int(number)
        slot = (slot + 1) & last
        told = _int64(word(slots, slot * 8))
    number = _int64(word(about, 16))
    if number >= _int64(word(about, 8)):
        return -1
    entry = _int64(word(state, TABLES + NAMES * TABLE_BYTES)) + name * ENTRY_BYTES
    node = nodes + number * NODE_BYTES
    put_word(node, NAME, name)
    put_word(node, KIND, kind)
    put_word(node, PARENT, parent)
    put_word(node, GUESS, 0)
    put_word(node, SHAPE, 0)
    put_word(node, NODE_HASH, _int64(found))
    put_word(node, NAME_BEGIN, _int64(word(entry, BEGIN)))
    put_word(node, NAME_LENGTH, _int64(word(entry, LENGTH)))
    put_word(about, 16, number + 1)
    put_word(slots, slot * 8, 1 + number * 4 + NODES)
    return int(number) if _has_room(state) else -1


@compiled("boolean(int64)")
def _has_room(state: int) -> bool:
    """Count a slot as used; where half of them are, have twice as many. Whether there is room for them."""
    used, last = _int64(word(state, SLOTS_USED)) + 1, _int64(word(state, SLOTS_LAST))
    put_word(state, SLOTS_USED, used)
    if used * 2 <= last:
        return True
    last = last * 2 + 1
    if last >= _int64(word(state, SLOTS_ROOM)):
        return False
    put_word(state, SLOTS_LAST, last)
    slots = _int64(word(state, SLOTS))
    for slot in range(last + 1):
        put_word(slots, slot * 8, 0)
    for table in range(NODES + 1):
        about = state + TABLES + table * TABLE_BYTES
        width, at = (NODE_BYTES, NODE_HASH) if table == NODES else (ENTRY_BYTES, HASH)
        entries = _int64(word(about, 0))
        for number in range(1 if table == NODES else 0, _int64(word(about, 16))):
            slot = _int64(word(entries + number * width, at)) & last
            while word(slots, slot * 8) != 0:
                slot = (slot + 1) & last
            put_word(slots, slot * 8, 1 + number * 4 + table)
    return True
