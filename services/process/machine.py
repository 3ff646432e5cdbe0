"""Which machine this is, so that processes on it can tell of each other whether they still run."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def this_machine() -> str:
    """A name of this machine since it was started, and of the namespace of processes in it; "" where it has none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def has_ended(machine: str, pid: int) -> bool:
    """Whether it is certain that the process of this number, which ran on that machine, runs no more."""
    if not machine or machine != this_machine():
        return False
    if pid == os.getpid():
        return True  # the number is ours now
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
