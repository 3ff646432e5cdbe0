"""Numbers for byte strings that come again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.engine.column import IntArray
from services.engine.lineprotocol.digits import Text


class KeyTable(dict[bytes, int]):
    """Keys to numbers."""


def number(
    text: Text, starts: IntArray, ends: IntArray, table: dict[bytes, int], new: Callable[[bytes], int]
) -> IntArray:
    """The number of each key between `starts` and `ends` (not included); `new` numbers those not in `table`."""
    raw = text.raw
    get = table.get
    found = [get(raw[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    if None in found:
        for i, have in enumerate(found):
            if have is None:
                key = raw[starts[i] : ends[i]]
                have = get(key)
                if have is None:
                    have = table[key] = new(key)
                found[i] = have
    return np.array(found, dtype=np.int64)
