"""Tables of byte strings that come again and again, and their numbers: hash tables with open addressing.

A table is the addresses of slots: int64[2^k], by a key's hash the number of an entry and one, or 0; and, behind the
last slot's number, of entries: int64[m, 4], the key's hash, where it begins in the heap, its length, -1 where it is not
used, and its number; and of the heap: the keys, with bytes behind them that may be read; and a seed. A text is the
address of bytes of which further ones may be read as well.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import byte, word

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

TABLE: Final = "int64, int64, int64, int64, uint64"
"""How the signature of a kernel has a table."""
ENTRY_BYTES: Final = 32

_int64: Any = np.int64


@compiled(f"int64(int64, int64, int64, int64, {TABLE})")
def entry_of(
    text: int, begin: int, length: int, near: int, slots: int, last: int, entries: int, heap: int, seed: Any
) -> int:
    """The entry of a key; -1 where the table lacks it. near: where it may be, since keys mostly come in one order."""
    if near <= last >> 1 and _is_at(text, begin, length, near, entries, heap):
        return near
    found = hash_of(text, begin, length, seed)
    slot = _int64(found) & last
    while True:
        entry = _int64(word(slots, slot * 8)) - 1
        if entry < 0:
            return -1
        if word(entries, entry * ENTRY_BYTES) == found and _is_at(text, begin, length, entry, entries, heap):
            return int(entry)
        slot = (slot + 1) & last


@compiled("boolean(int64, int64, int64, int64, int64, int64)")
def _is_at(text: int, begin: int, length: int, entry: int, entries: int, heap: int) -> bool:
    """Whether an entry is that of a key. One that is not used has no length."""
    at = entry * ENTRY_BYTES
    return bool(
        word(entries, at + 16) == np.uint64(length)
        and same_bytes(text, begin, heap, _int64(word(entries, at + 8)), length)
    )


@compiled("int64(int64, int64)")
def number_of(entries: int, entry: int) -> int:
    """The number that an entry has."""
    number: int = _int64(word(entries, entry * ENTRY_BYTES + 24))
    return number


@compiled(f"int64(int64, int32[::1], int32[::1], {TABLE}, int32[::1])")
def find(
    text: int,
    begins: Ints,
    ends: Ints,
    slots: int,
    last: int,
    entries: int,
    heap: int,
    seed: Any,
    numbers: Ints,
) -> int:
    """The number of each key, -1 for one that the table lacks, to `numbers`; gives how many it lacks."""
    lacks, near = 0, 0
    for row in range(len(begins)):
        entry = entry_of(text, begins[row], ends[row] - begins[row], near, slots, last, entries, heap, seed)
        near = entry + 1
        numbers[row] = -1 if entry < 0 else number_of(entries, entry)
        lacks += entry < 0
    return lacks


@compiled("void(int64, int32[::1], int32[::1], int64[::1], uint64, int64[:, ::1], int64, int64)")
def enter(
    text: int, begins: Ints, ends: Ints, numbers: Longs, seed: Any, entries: Longs, used: int, heap_used: int
) -> None:
    """Entries for keys that are put into the heap as they stand in the text, behind `used` others and `heap_used`
    bytes."""
    for row in range(len(begins)):
        begin, length = begins[row], ends[row] - begins[row]
        entries[used, 0] = _int64(hash_of(text, begin, length, seed))
        entries[used, 1], entries[used, 2], entries[used, 3] = heap_used + begin, length, numbers[row]
        used += 1


@compiled("void(int64[::1], int64[:, ::1], int64, int64)")
def lay(slots: Longs, entries: Longs, first: int, used: int) -> None:
    """Put entries into slots, from the first to the last that is used."""
    last = len(slots) - 1
    for entry in range(first, used):
        slot = entries[entry, 0] & last
        while slots[slot]:
            slot = (slot + 1) & last
        slots[slot] = entry + 1


@compiled("void(int64, int64[:, ::1], uint8[::1])")
def gather(heap: int, entries: Longs, other: NDArray[np.uint8]) -> None:
    """Copy the keys of entries, one after another, to another heap, which the entries are of from then on."""
    used = 0
    for row in range(len(entries)):
        begin, length = entries[row, 1], entries[row, 2]
        entries[row, 1] = used
        for at in range(length):
            other[used + at] = byte(heap, begin + at)
        used += length
