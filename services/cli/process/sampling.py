"""Where this process computes: stacks of its threads, sampled, each with the CPU time that the thread has used."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import FrameType
from typing import Any

_INTERVAL = 0.01
_DEEPEST = 128

Frame = tuple[str, str, int]


def sample(seconds: float) -> list[Any]:
    """Stacks, outermost frame first, with samples and ns of CPU time: [[[function, file, line] …], [count, ns]].

    It takes so many seconds and runs in a thread of its own, which is left out.
    """
    own = threading.get_ident()
    counts: Counter[tuple[Frame, ...]] = Counter()
    spent: Counter[tuple[Frame, ...]] = Counter()
    before: dict[int, int] = {}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(_INTERVAL, left))
        for ident, frame in sys._current_frames().items():
            if ident == own:
                continue
            now = _cpu_ns(ident)
            used = now - before.get(ident, now)
            before[ident] = now
            if used > 0:
                stack = _stack(frame)
                counts[stack] += 1
                spent[stack] += used
    return [[list(stack), [count, spent[stack]]] for stack, count in counts.most_common()]


def _cpu_ns(ident: int) -> int:
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
    except OSError:
        return 0


def _stack(frame: FrameType | None) -> tuple[Frame, ...]:
    found: list[Frame] = []
    while frame is not None and len(found) < _DEEPEST:
        code = frame.f_code
        found.append((code.co_qualname, code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(reversed(found))
