"""What `ps` shows of a process that was forked: on Linux."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

_ARGUMENTS_BEGIN, _ARGUMENTS_END = 47, 48  # of the fields of /proc/PID/stat


def set_title(title: str) -> None:
    """Have this process shown under another command line, cut where it is longer than the one it was started with."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # the second field is a name in parentheses, which may hold spaces
        fields = ["", "", *Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()]
        begin, end = int(fields[_ARGUMENTS_BEGIN]), int(fields[_ARGUMENTS_END])
        room = end - begin
        if room > 2:
            # the last byte tells the kernel that it is a title, which ends with the first zero
            text = title.encode()[: room - 2].ljust(room - 1, b"\0") + b" "
            ctypes.memmove(begin, text, room)
