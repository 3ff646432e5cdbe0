"""What lies in this process's memory, by type."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from typing import Any

_MOST_TYPES = 500
_MOST_SECONDS = 8.0
_AT_ONCE, _PAUSE = 500, 0.0005  # objects, and seconds: a thread that does not pause has others wait 5 ms each time


def heap() -> list[Any]:
    """The types that take most: [[[[type, module, 0]], [objects, bytes]] …].

    Counted are the objects that the garbage collector knows, and the arrays and texts right below them that it does
    not: about two seconds for a million objects. It is called in a thread and lets others come in between; what is not
    counted after some seconds is left out.
    """
    until = time.monotonic() + _MOST_SECONDS
    counts: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    seen: set[int] = set()
    for number, held in enumerate(gc.get_objects()):
        if not number % _AT_ONCE:
            time.sleep(_PAUSE)
            if time.monotonic() > until:
                break
        for one in (held, *(r for r in gc.get_referents(held) if not gc.is_tracked(r))):
            if id(one) in seen:
                continue
            seen.add(id(one))
            kind = type(one)
            counts[kind] += 1
            sizes[kind] += sys.getsizeof(one, 0)
    top = sizes.most_common(_MOST_TYPES)
    return [[[[str(kind.__qualname__), str(kind.__module__), 0]], [counts[kind], size]] for kind, size in top]
