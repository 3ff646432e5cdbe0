"""Where this process waits: stacks of threads and coroutines that do not move, sampled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from services.cli.diagnostics.sampling import cpu_ns
from services.cli.diagnostics.stacks import CallStack, Frame, coroutines, threads

_INTERVAL = 0.05
_LOCKS = frozenset({"Lock.acquire", "Semaphore.acquire", "Condition.__enter__"})
_MODULES = ("/threading.py", "/asyncio/locks.py")


@dataclass(slots=True)
class _Seen:
    """How a thread or coroutine was found: its stack, the CPU time it had used (ns), whether it waited already."""

    frames: tuple[Frame, ...]
    used: int
    waits: bool = False


async def waits(seconds: float, *, locks: bool) -> list[Any]:
    """Stacks, outermost frame first, with waits begun and ns waited: [[[kind, function, file, line] …], [count, ns]].

    A thread or coroutine waits while samples that follow each other find it at the same stack and, of a thread, without
    CPU time used. locks: only what waits for a lock, as far as Python's stacks show it: those of asyncio, semaphores
    and conditions. It takes so many seconds.
    """
    begun: Counter[tuple[str, tuple[Frame, ...]]] = Counter()
    waited: Counter[tuple[str, tuple[Frame, ...]]] = Counter()
    before: dict[tuple[str, int], _Seen] = {}
    own = {("thread", threading.get_ident()), ("coroutine", id(asyncio.current_task()))}
    at, end = time.monotonic_ns(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(_INTERVAL, left))
        now = time.monotonic_ns()
        found: dict[tuple[str, int], _Seen] = {}
        for stack in (*threads(), *coroutines()):
            key = stack.kind, stack.ident
            if key in own or (locks and not _at_lock(stack)):
                continue
            seen = found[key] = _Seen(stack.frames, cpu_ns(stack.ident) if stack.kind == "thread" else 0)
            last = before.get(key)
            if last is not None and (last.frames, last.used) == (seen.frames, seen.used):
                seen.waits = True
                begun[stack.kind, stack.frames] += not last.waits
                waited[stack.kind, stack.frames] += now - at
        before, at = found, now
    return [[[(f"{kind}s", "", 0), *frames], [begun[kind, frames], ns]] for (kind, frames), ns in waited.most_common()]


def _at_lock(stack: CallStack) -> bool:
    return any(function in _LOCKS and file.endswith(_MODULES) for function, file, _ in stack.frames[-2:])
