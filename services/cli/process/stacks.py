"""What this process is at: the stacks of its threads and of its coroutines."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import traceback


def stacks() -> str:
    """Each thread and each task of the running event loop with its stack, innermost frame last."""
    out = io.StringIO()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        out.write(f"thread {names.get(ident, ident)}:\n")
        out.write("".join(traceback.format_stack(frame)))
        out.write("\n")
    for task in sorted(asyncio.all_tasks(), key=asyncio.Task.get_name):
        waiting = "" if task is asyncio.current_task() else ", waiting"
        out.write(f"coroutine {task.get_name()}{waiting}:\n")
        # A task's own stack is one frame deep; what it awaits hangs below the coroutine.
        out.write("".join(traceback.format_list(_frames(task))))
        out.write("\n")
    return out.getvalue()


def _frames(task: asyncio.Task[object]) -> list[traceback.FrameSummary]:
    found: list[traceback.FrameSummary] = []
    at: object = task.get_coro()
    while at is not None:
        frame = getattr(at, "cr_frame", None) or getattr(at, "gi_frame", None) or getattr(at, "ag_frame", None)
        if frame is not None:
            found += traceback.extract_stack(frame, limit=1)
        at = getattr(at, "cr_await", None) or getattr(at, "gi_yieldfrom", None) or getattr(at, "ag_await", None)
    return found
