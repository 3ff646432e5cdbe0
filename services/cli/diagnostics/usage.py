"""What this process takes."""

from __future__ import annotations

import gc
import resource
import sys
import threading
from pathlib import Path
from typing import Any

from services.bus.buckets import dead_letters


def usage() -> dict[str, Any]:
    """Figures by the names of schemas.requests.process.FiguresSchema."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "resident_bytes": _resident() or most,
        "most_resident_bytes": most,
        "objects": sys.getallocatedblocks(),
        "collections": sum(generation["collections"] for generation in gc.get_stats()),
        "threads": threading.active_count(),
        "dead_letters": dead_letters.counts(),
    }


def _resident() -> int:
    """0 where the system has no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0
