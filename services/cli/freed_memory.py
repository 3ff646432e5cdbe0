"""Memory that is freed: kept while a process works, given back to the system once it pauses. Where there is glibc.

So is the code of libraries that was needed to start and is not again, numba's compiler above all: on Linux.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import mmap
import re
import sys
import time
from collections.abc import Iterator

from services.process.pools import Pool

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt
_KEPT_AT_TOP, _LARGEST_ON_HEAP = 128 << 20, 32 << 20  # bytes

_LOOK_SECONDS = 0.25
_PAUSES_BELOW = 0.1  # of a core
_WORTH_IT = 16 << 20  # bytes


def keep_freed_memory() -> None:
    """Have what is freed stay for the next frame: given back after each, page faults double the cost of numpy."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT_AT_TOP)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_ON_HEAP)


async def give_back_in_pauses() -> None:
    """Give back what is free, and code, as often as the process has worked and then pauses; for ever.

    The heap of a worker that reads 100 MB/s grows by 100 MB of what it needs for moments only. Giving that back takes
    0.1 ms a MB, in which nothing else runs: that is why it has to be worth it.
    """
    if _mallinfo() is None:
        return
    pool = Pool("memory", 1)
    spent, worked, least, least_of_files = time.process_time(), True, 0, 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, spent = spent, time.process_time()
        works = spent - before > _PAUSES_BELOW * _LOOK_SECONDS
        if worked and not works:
            resident, of_files = _resident()
            if of_files - least_of_files >= _WORTH_IT:
                await pool.run(give_back_code)
                least_of_files = _resident()[1]
            if resident - least >= _WORTH_IT:
                give_back()
                least = _resident()[0]
        worked = works


def give_back() -> None:
    """Give back what is free, where that is much."""
    ask = _mallinfo()
    if ask is not None and ask().fordblks >= _WORTH_IT:
        ctypes.CDLL(None).malloc_trim(0)


def give_back_code() -> None:
    """Have no code and constants of libraries in memory but those that are read from now on: the system maps them from
    its cache again. A start reads most of numba's compiler, 70 MB, and what runs needs next to nothing of it."""
    libc = ctypes.CDLL(None)
    with contextlib.suppress(OSError):
        for begin, end in _unchanged_code():
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)


def _unchanged_code() -> Iterator[tuple[int, int]]:
    """Where libraries lie of which this process has changed nothing, and cannot: what is changed would be lost."""
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
        for begin, end, counts in _LIBRARY.findall(file.read()):
            if _UNCHANGED.search(counts):
                yield int(begin, 16), int(end, 16)


_LIBRARY = re.compile(r"^(\w+)-(\w+) r-[-x]p .*\.so\b.*\n((?:\w+: .*\n)*)", re.MULTILINE)
_UNCHANGED = re.compile(r"^Anonymous: +0 kB$", re.MULTILINE)


def _resident() -> tuple[int, int]:
    """Bytes of this process that are in memory, and how many of those are of files."""
    with open("/proc/self/statm", encoding="ascii") as file:
        _, resident, of_files, *_ = map(int, file.read().split())
    return resident * mmap.PAGESIZE, of_files * mmap.PAGESIZE


class _MallocInfo(ctypes.Structure):
    """What mallinfo2 of glibc tells: sizes in bytes. fordblks: what is free in the heaps of all threads."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@functools.cache
def _mallinfo() -> ctypes._NamedFuncPointer | None:
    """The function; None where the C library has none."""
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL(None)
        ask, _ = libc.mallinfo2, libc.malloc_trim
    except (OSError, AttributeError):
        return None
    ask.restype = _MallocInfo
    return ask
