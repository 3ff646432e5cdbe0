"""The memory that the kernel of packing works in: what it has found of a body so far, and room for what it makes of it.

All of it is int64, at addresses that stand in the *state*, an array that the kernel is given the address of. There are
four tables: of keys, names of fields, texts, and *nodes*. Nodes are the shapes of lines as a tree: each is a field
behind those of its parents, with a name and a kind; the shape of a line is the node of its last field. An entry of the
first three is a hash, where the bytes begin in the heap, how many they are, and, of a key, the first node of its last
line. All four are found by one hash table, whose slots say 1 + number of the entry * 4 + which table it is in.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KEYS, NAMES, TEXTS, NODES = range(4)
ENTRY_BYTES: Final = 32
HASH, BEGIN, LENGTH, FIRST_NODE = range(0, ENTRY_BYTES, 8)
NODE_BYTES: Final = 64
NAME, KIND, PARENT, GUESS, SHAPE, NODE_HASH, NAME_BEGIN, NAME_LENGTH = range(0, NODE_BYTES, 8)
"""Of a node. GUESS: the child that the last line went on with, 0 if there was none; SHAPE: the number of the shape that
it is, and one."""

# Words of the state: where arrays are, how much there is room for, and how much is used.
(
    SEED,
    HEAP,
    HEAP_ROOM,
    HEAP_USED,
    SLOTS,
    SLOTS_ROOM,
    SLOTS_LAST,
    SLOTS_USED,
    LINE_KEYS,
    LINE_SHAPES,
    LINES_ROOM,
    LINES_USED,
    TIMES,
    REPEATS,
    RUNS_USED,
    TIMED,
    VALUES,
    DECIMALS,
    VALUES_ROOM,
    VALUES_USED,
    SHAPES,
    SHAPES_ROOM,
    SHAPES_USED,
    SHAPE_LINES,
    SHAPE_AT,
    PLACES,
    OUT,
    OUT_ROOM,
    NEAR,
    FIELD_NAMES,
    FIELD_KINDS,
    FIELDS_ROOM,
) = range(0, 32 * 8, 8)
TABLES: Final = 32 * 8
"""From here on of each table where its entries are, for how many there is room, and how many are used."""
TABLE_BYTES: Final = 24
POWERS: Final = TABLES + 4 * TABLE_BYTES
"""From here on 10^0 … 10^18."""
_STATE_WORDS = POWERS // 8 + 19

_FIRST_SLOTS = 1024
_MOST_OF_A_KIND = 1 << 16  # names, nodes, shapes
_SLACK = 64  # bytes behind what is used that may be written to

Words = NDArray[np.int64]


def room(words: int) -> Words:
    """Memory that holds anything, of which what is not used is not taken."""
    return np.empty(words, dtype=np.int64)


class Scratch:
    """Room for a body of so many bytes. A body for which it does not suffice would gain little."""

    def __init__(self, size: int, seed: int) -> None:
        """seed: what clients do not know."""
        self.size = size
        self._arrays: list[NDArray[Any]] = []
        self._state: Words = np.zeros(_STATE_WORDS, dtype=np.int64)
        self._state[POWERS // 8 :] = [10**digits for digits in range(19)]
        most_lines, most_values, few = size // 10 + 8, size // 8 + 64, min(size // 64 + 64, _MOST_OF_A_KIND)
        many = size // 16 + 16
        slots = max(_FIRST_SLOTS, 1 << (2 * (2 * many + 2 * few)).bit_length())
        self._slots = self._array(SLOTS, SLOTS_ROOM, slots)
        for table, entries, width in (KEYS, many, 4), (NAMES, few, 4), (TEXTS, many, 4), (NODES, few, 8):
            at = TABLES + table * TABLE_BYTES
            self._array(at, at + 8, entries, width)
        self._root = self._arrays[-1]
        self._array(HEAP, HEAP_ROOM, (size * 2 // 3 + 1024) // 8, room_of=8)
        for column in LINE_KEYS, LINE_SHAPES, TIMES, REPEATS, PLACES:
            self._array(column, LINES_ROOM, most_lines)
        self._array(VALUES, VALUES_ROOM, most_values)
        self._array(DECIMALS, VALUES_ROOM, most_values // 8 + 1, room_of=8)
        self._state[VALUES_ROOM // 8] = most_values
        for column in SHAPES, SHAPE_LINES, SHAPE_AT:
            self._array(column, SHAPES_ROOM, few)
        for column in FIELD_NAMES, FIELD_KINDS:
            self._array(column, FIELDS_ROOM, 4 * few)
        self._out = self._array(OUT, OUT_ROOM, (size * 2 // 3 + 1024) // 8, room_of=8)
        self._state[SEED // 8] = np.uint64(seed).astype(np.int64)
        self._state[SLOTS_LAST // 8] = _FIRST_SLOTS - 1
        self._state[(TABLES + NODES * TABLE_BYTES) // 8 + 2] = 1  # the root
        self._state[TIMED // 8] = -1
        self._fresh = self._state.copy()

    @property
    def state(self) -> int:
        """The address of the state."""
        return address(self._state)

    def begin(self, most: int) -> None:
        """Forget what was found. most: bytes that the body may take when it is packed."""
        self._state[:] = self._fresh
        self._state[OUT_ROOM // 8] = min(most, self._out.nbytes - _SLACK)
        self._root[: NODE_BYTES // 8] = 0
        self._slots[:_FIRST_SLOTS] = 0

    def made(self, count: int) -> bytes:
        """The first bytes of what the kernel has made."""
        return self._out[: (count + 7) // 8].tobytes()[:count]

    def _array(self, at: int, room_at: int, count: int, width: int = 1, room_of: int = 1) -> Words:
        """Make an array, and say in the state where it is, and for how many there is room (times room_of)."""
        array = room(count * width + _SLACK // 8)
        self._arrays.append(array)
        self._state[at // 8] = address(array)
        self._state[room_at // 8] = count * room_of
        return array


def address(array: NDArray[Any]) -> int:
    """Where an array lies, for as long as it lives."""
    found: int = array.__array_interface__["data"][0]
    return found
