"""Where this process computes: stacks of its threads, sampled, each with the CPU time that the thread has used."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import Any

from services.cli.diagnostics.stacks import Frame, frames_of

_INTERVAL = 0.01


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
            now = cpu_ns(ident)
            used = now - before.get(ident, now)
            before[ident] = now
            if used > 0:
                stack = frames_of(frame)
                counts[stack] += 1
                spent[stack] += used
    return [[list(stack), [count, spent[stack]]] for stack, count in counts.most_common()]


def cpu_ns(ident: int) -> int:
    """CPU time that a thread of this process has used, ns; 0 for one that is gone, or where nobody tells."""
    try:
        return time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
    except (OSError, AttributeError):
        return 0
