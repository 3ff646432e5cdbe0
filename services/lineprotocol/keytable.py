"""Numbers for byte strings that come again and again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.columns.shared import Shared
from services.kernels.primitives import address_of
from services.kernels.tables import Ints, Longs, enter, find, gather, lay
from services.lineprotocol.scanning import MOST_BYTES, PAD

Bytes = NDArray[np.uint8]

_SLOTS: Final = 2  # for one key
_WIDTH: Final = 4
_FEW, _FEW_BYTES = 16, 1024


class KeyTable(Shared):
    """Keys to numbers, many at once: a hash table with open addressing, for kernels."""

    def __init__(self) -> None:
        self._seed = np.uint64(secrets.randbits(64))
        self._used = self._heap_used = self._dropped = 0
        self._entries: Longs = np.zeros((_FEW, _WIDTH), dtype=np.int64)
        self._heap: Bytes = np.zeros(_FEW_BYTES, dtype=np.uint8)
        self._slots: Longs = np.zeros(_SLOTS * _FEW, dtype=np.int64)
        self._tell()

    def _tell(self) -> None:
        slots, entries, heap = (array.ctypes.data for array in (self._slots, self._entries, self._heap))
        self.told = slots, len(self._slots) - 1, entries, heap, self._seed
        """What kernels are told of it, as services.kernels.tables has it; until keys are put in."""

    def __len__(self) -> int:
        return self._used - self._dropped

    def number_missing(
        self, numbers: Ints, raw: bytes, address: int, begins: Ints, ends: Ints, new: Callable[[bytes], int]
    ) -> None:
        """As `number`, put where `numbers` (int32[n]) has none yet, but -1."""
        rows = (numbers < 0).nonzero()[0]
        if len(rows):
            numbers[rows] = self.number(raw, address, begins[rows], ends[rows], new)

    def number(self, raw: bytes, address: int, begins: Ints, ends: Ints, new: Callable[[bytes], int]) -> Ints:
        """The number of each key between `begins` and `ends` (int32[n], not included): int32[n].

        `new` numbers a key that comes for the first time. raw: the text, with PAD bytes behind the keys; address: of
        its first byte.
        """
        numbers: Ints = np.empty(len(begins), dtype=np.int32)
        if find(address, begins, ends, *self.told, numbers):
            rows = np.flatnonzero(numbers < 0)
            keys = [raw[a:b] for a, b in zip(begins[rows].tolist(), ends[rows].tolist(), strict=True)]
            fresh = {key: new(key) for key in dict.fromkeys(keys)}
            numbers[rows] = [fresh[key] for key in keys]
            self.add(fresh)
        return numbers

    def add(self, keys: dict[bytes, int]) -> None:
        """Put keys in that it lacks, with their numbers."""
        text, begins, ends = packed(list(keys))
        size = len(text) - PAD
        first, self._used = self._used, self._used + len(keys)
        if self._heap_used + len(text) > len(self._heap):
            self._heap = _grown(self._heap, self._heap_used + len(text))
        if self._used > len(self._entries):
            self._entries = _grown(self._entries, self._used)
            self._slots = np.zeros(_SLOTS * len(self._entries), dtype=np.int64)
            lay(self._slots, self._entries, 0, first)
        numbers = np.fromiter(keys.values(), dtype=np.int64, count=len(keys))
        enter(address_of(text), begins, ends, numbers, self._seed, self._entries, first, self._heap_used)
        self._heap[self._heap_used : self._heap_used + size] = np.frombuffer(text, dtype=np.uint8, count=size)
        self._heap_used += size
        lay(self._slots, self._entries, first, self._used)
        self._tell()

    def drop(self, gone: NDArray[np.bool_]) -> None:
        """Have these numbers no more: bool by number, as long as the largest."""
        entries = self._entries[: self._used]
        there = np.flatnonzero(entries[:, 2] >= 0)
        rows = there[gone[entries[there, 3]]]
        entries[rows, 2] = -1  # no key is as long
        self._dropped += len(rows)
        if 2 * self._dropped > self._used:
            self._compact(entries[entries[:, 2] >= 0])

    def _compact(self, left: Longs) -> None:
        """Hold nothing but these entries any more."""
        size = int(left[:, 2].sum()) + PAD
        heap: Bytes = np.zeros(max(_FEW_BYTES, _power(size)), dtype=np.uint8)
        gather(self._heap.ctypes.data, left, heap)
        self._used, self._dropped, self._heap_used = len(left), 0, size - PAD
        self._heap = heap
        self._entries = np.zeros((max(_FEW, _power(len(left))), _WIDTH), dtype=np.int64)
        self._entries[: len(left)] = left
        self._slots = np.zeros(_SLOTS * len(self._entries), dtype=np.int64)
        lay(self._slots, self._entries, 0, self._used)
        self._tell()


def packed(texts: list[bytes]) -> tuple[bytes, Ints, Ints]:
    """Texts end to end with PAD bytes behind them, and where each begins and ends: int32[n] both.

    Raises ValueError where they are more than MOST_BYTES.
    """
    if (size := sum(map(len, texts))) > MOST_BYTES:
        raise ValueError(f"{size} bytes of text are too many at once, at most {MOST_BYTES}")
    lengths = np.fromiter(map(len, texts), dtype=np.int32, count=len(texts))
    ends = np.cumsum(lengths, dtype=np.int32)
    return b"".join([*texts, bytes(PAD)]), ends - lengths, ends


def _grown(array: NDArray[Any], size: int) -> Any:
    """The same with room for so much, a power of two, and zeros behind what is there."""
    grown = np.zeros((_power(size), *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown


def _power(size: int) -> int:
    """The least power of two that is not below."""
    return 1 << max(size - 1, 0).bit_length()
