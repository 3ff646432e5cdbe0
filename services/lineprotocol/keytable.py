"""Numbers for byte strings that come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, IntArray
from services.columns.shared import Shared
from services.lineprotocol.digits import Text

_MASK: Final = 2**64 - 1
_WORDS: Final = 16
# Odd, and without any pattern: powers of an odd number.
_FACTORS: Final = [np.uint64(pow(0x9E3779B97F4A7C15, i + 1, 2**64)) for i in range(_WORDS)]
_FIRST_BITS: Final = 12
_MOST_BITS: Final = 20
_ROOM: Final = 8  # slots for one key
_FEW: Final = 100


class KeyTable(dict[bytes, int], Shared):
    """Keys to numbers, with an index beside it that finds many at once. Never take a key out or change its number.

    The index is a hash table without chains: a key that finds its slot taken stays out of it and is looked up in the
    dict, and so is one of more than 128 bytes. What the index finds is compared in full.
    """

    def __init__(self) -> None:
        super().__init__()
        self._grow(_FIRST_BITS)

    def find(self, text: Text, starts: IntArray, ends: IntArray) -> tuple[IntArray, BoolArray]:
        """Numbers of the keys between `starts` and `ends`, and which of them are known to the index."""
        lengths = ends - starts
        words = _words_of(text, starts, lengths)
        hashes = np.zeros(len(starts), dtype=np.uint64)
        for word, factor in zip(words, _FACTORS, strict=False):
            hashes += word * factor
        hashes ^= hashes >> np.uint64(32)
        hashes *= _FACTORS[0]
        entries = self._slots[hashes >> self._shift]
        known = self._lengths[entries] == lengths
        for i, word in enumerate(words):
            known &= self._words[i][entries] == word
        return self._numbers[entries], known

    def index(self, key: bytes) -> None:
        """Let `find` know a key of the dict, where there is room."""
        if len(key) > 8 * _WORDS:
            return
        if self._used * _ROOM >= len(self._slots) and self._bits < _MOST_BITS:
            self._grow(self._bits + 2)
        self._enter(key)

    def _enter(self, key: bytes) -> None:
        words = [int.from_bytes(key[i : i + 8], "little") for i in range(0, len(key), 8)]
        state = sum(word * int(factor) for word, factor in zip(words, _FACTORS, strict=False)) & _MASK
        state ^= state >> 32
        slot = (state * int(_FACTORS[0]) & _MASK) >> (64 - self._bits)
        if self._slots[slot] or self._used + 1 >= len(self._numbers):
            return
        self._used += 1
        at = self._used
        self._slots[slot] = at
        self._lengths[at] = len(key)
        self._numbers[at] = self[key]
        for i, word in enumerate(words):
            self._words[i][at] = word

    def _grow(self, bits: int) -> None:
        kept = list(self)
        room = 2**bits // _ROOM + 1
        self._bits = bits
        self._shift = np.uint64(64 - bits)
        self._used = 0
        self._slots: NDArray[np.int32] = np.zeros(2**bits, dtype=np.int32)
        # Entry 0 stands for an empty slot and is no key.
        self._lengths: IntArray = np.full(room, -1, dtype=np.int64)
        self._numbers: IntArray = np.zeros(room, dtype=np.int64)
        self._words: NDArray[np.uint64] = np.zeros((_WORDS, room), dtype=np.uint64)
        for key in kept:
            if len(key) <= 8 * _WORDS:
                self._enter(key)


def number(
    text: Text, starts: IntArray, ends: IntArray, table: dict[bytes, int], new: Callable[[bytes], int]
) -> IntArray:
    """The number of each key between `starts` and `ends` (not included); `new` numbers those not in `table`."""
    if isinstance(table, KeyTable) and len(starts) > _FEW:
        numbers, known = table.find(text, starts, ends)
        left = np.flatnonzero(~known)
        if len(left):
            before = len(table)
            rest = _one_by_one(text, starts[left], ends[left], table, new)
            numbers[left] = rest
            if len(table) > before or len(left) > len(starts) // 4:
                for key in {text.raw[a:b] for a, b in zip(starts[left].tolist(), ends[left].tolist(), strict=True)}:
                    table.index(key)
        return numbers
    return _one_by_one(text, starts, ends, table, new)


def number_one(key: bytes, table: dict[bytes, int], new: Callable[[bytes], int]) -> int:
    """The number of one key."""
    have = table.get(key)
    if have is None:
        have = table[key] = new(key)
    return have


def _one_by_one(
    text: Text, starts: IntArray, ends: IntArray, table: dict[bytes, int], new: Callable[[bytes], int]
) -> IntArray:
    raw = text.raw
    get = table.get
    found = [get(raw[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    if None in found:
        for i, have in enumerate(found):
            if have is None:
                found[i] = number_one(raw[starts[i] : ends[i]], table, new)
    return np.array(found, dtype=np.int64)


def _words_of(text: Text, starts: IntArray, lengths: IntArray) -> list[NDArray[np.uint64]]:
    """The keys' first 128 bytes in words; zeros after their ends."""
    least = int(lengths.min())
    words = []
    for at in range(0, min(int(lengths.max()), 8 * _WORDS), 8):
        if at + 8 <= least:
            words.append(text.word(starts + at))
        else:
            words.append(text.after(np.minimum(starts + at, text.last), np.clip(lengths - at, 0, 8)))
    return words
