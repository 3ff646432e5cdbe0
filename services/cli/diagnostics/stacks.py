"""What this process is at: the stacks of its threads and of its coroutines."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

Frame = tuple[str, str, int]
"""Function, file, line."""

_DEEPEST = 128


@dataclass(frozen=True, slots=True)
class CallStack:
    """One thread's or coroutine's, outermost frame first. ident: unique to it while it lives."""

    kind: str  # thread or coroutine
    ident: int
    name: str
    frames: tuple[Frame, ...]


def threads() -> Iterator[CallStack]:
    """All threads that run Python."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        yield CallStack("thread", ident, names.get(ident, str(ident)), frames_of(frame))


def coroutines(loop: asyncio.AbstractEventLoop | None = None) -> Iterator[CallStack]:
    """All tasks of an event loop, the running one unless given."""
    for task in sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name):
        # A task's own stack is one frame deep; what it awaits hangs below the coroutine.
        yield CallStack("coroutine", id(task), task.get_name(), tuple(_awaited(task)))


def text() -> str:
    """Each thread and each task of the running event loop with its stack, innermost frame last."""
    out = io.StringIO()
    current = id(asyncio.current_task())
    for stack in (*threads(), *coroutines()):
        waiting = ", waiting" if stack.kind == "coroutine" and stack.ident != current else ""
        out.write(f"{stack.kind} {stack.name}{waiting}:\n")
        frames = [traceback.FrameSummary(file, line, function) for function, file, line in stack.frames]
        out.write("".join(traceback.format_list(frames)))
        out.write("\n")
    return out.getvalue()


def samples() -> list[Any]:
    """The same, each stack once and how many are at it: [[[kind, function, file, line] …], [count]]."""
    return _counted((*threads(), *coroutines()))


def created() -> list[Any]:
    """What this process has threads for, in the form of `samples`: where each begins, and those that run no Python."""
    found = [CallStack("thread", s.ident, s.name, ((s.name, "", 0), *s.frames[:1])) for s in threads()]
    counted = _counted(found)
    native = _all_threads() - len(found)
    if native > 0:
        counted.append([[("native threads", "", 0)], [native]])
    return counted


def frames_of(frame: FrameType | None) -> tuple[Frame, ...]:
    """The stack that a frame is the innermost of, outermost first."""
    found: list[Frame] = []
    while frame is not None and len(found) < _DEEPEST:
        found.append(_place(frame))
        frame = frame.f_back
    return tuple(reversed(found))


def _awaited(task: asyncio.Task[object]) -> Iterator[Frame]:
    at: object = task.get_coro()
    while at is not None:
        frame = getattr(at, "cr_frame", None) or getattr(at, "gi_frame", None) or getattr(at, "ag_frame", None)
        if frame is not None:
            yield _place(frame)
        at = getattr(at, "cr_await", None) or getattr(at, "gi_yieldfrom", None) or getattr(at, "ag_await", None)


def _place(frame: FrameType) -> Frame:
    return frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno or 0


def _counted(stacks: Iterable[CallStack]) -> list[Any]:
    counts = Counter((stack.kind, stack.frames) for stack in stacks)
    return [[[(f"{kind}s", "", 0), *frames], [count]] for (kind, frames), count in counts.most_common()]


def _all_threads() -> int:
    """0 where the system has no /proc."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0
