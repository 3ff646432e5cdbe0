"""Which points come at or after the edges of their groups' windows."""

from __future__ import annotations

import numpy as np

from services.columns.column import IntArray, Rows
from services.kernels.compiled import compiled

NOT_ALIGNED = -1
_INTS = "Array(int64, 1, 'A', True)"


@compiled(f"Tuple((int64[::1], int64[::1], int64[::1]))({_INTS}, {_INTS}, {_INTS}, {_INTS}, int64[::1], int64, int64)")
def due_by_time(
    time: IntArray, starts: Rows, ends: Rows, members: IntArray, following: IntArray, every: int, aligned: int
) -> tuple[Rows, Rows, IntArray]:
    """The windows that points close: of each the segment, the point's row and the edge (ns); int64[w] each.

    time: int64[n] ns, segment after segment. members: each segment's local group; no group twice. following: by local
    group the next edge, brought forward here to `every` ns after the point; where edges are aligned, to the multiple of
    `every` before that, `aligned` being by how many ns 1970 is past one, else NOT_ALIGNED.
    """
    found = 0
    segment, row, edge = np.empty(len(time), np.int64), np.empty(len(time), np.int64), np.empty(len(time), np.int64)
    for k in range(len(starts)):
        coming = following[members[k]]
        for i in range(starts[k], ends[k]):
            if time[i] < coming:
                continue
            segment[found], row[found], edge[found] = k, i, coming
            found += 1
            coming = time[i] + every
            if aligned != NOT_ALIGNED:
                coming -= (coming % every + aligned) % every
        following[members[k]] = coming
    return segment[:found].copy(), row[:found].copy(), edge[:found].copy()
