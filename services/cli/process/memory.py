"""What lies in this process's memory, by type."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import Any

_MOST_TYPES = 500


def heap() -> list[Any]:
    """The types that take most: [[[[type, module, 0]], [objects, bytes]] …].

    Counted are the objects that the garbage collector knows, and the arrays and texts right below them that it does
    not: about a second for a million objects.
    """
    counts: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    seen: set[int] = set()
    for held in gc.get_objects():
        for one in (held, *(r for r in gc.get_referents(held) if not gc.is_tracked(r))):
            if id(one) in seen:
                continue
            seen.add(id(one))
            kind = type(one)
            counts[kind] += 1
            sizes[kind] += sys.getsizeof(one, 0)
    top = sizes.most_common(_MOST_TYPES)
    return [[[[str(kind.__qualname__), str(kind.__module__), 0]], [counts[kind], size]] for kind, size in top]
