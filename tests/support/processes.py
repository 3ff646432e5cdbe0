"""Whether processes that somebody else has started still run."""

from __future__ import annotations

import psutil


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has taken note of that yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
