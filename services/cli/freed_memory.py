"""Memory that is freed: kept while a process works, given back to the system once it pauses. Where there is glibc."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import mmap
import sys
import time

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
    """Give back what is free as often as the process has worked and then pauses; for ever.

    The heap of a worker that reads 100 MB/s grows by 100 MB of what it needs for moments only. Giving that back takes
    0.1 ms a MB, in which nothing else runs: that is why it has to be worth it.
    """
    if _mallinfo() is None:
        return
    spent, worked, least = time.process_time(), True, 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, spent = spent, time.process_time()
        works = spent - before > _PAUSES_BELOW * _LOOK_SECONDS
        if worked and not works and _resident() - least >= _WORTH_IT:
            give_back()
            least = _resident()
        worked = works


def give_back() -> None:
    """Give back what is free, where that is much."""
    ask = _mallinfo()
    if ask is not None and ask().fordblks >= _WORTH_IT:
        ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


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
