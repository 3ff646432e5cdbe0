"""Joining batches: which of their points belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.columns.column import IntArray


def pair_points(times: Sequence[IntArray | None], filled: bool) -> tuple[IntArray, IntArray]:
    """The joined points of one set of batches.

    times: for each parent its batch's times in ns, rounded, None where it has none. Gives int64[n, parents], indexes
    into these (-1: missing), and the time of each point. Without `filled` only points that all parents have are given.

    The batches are gone through side by side. A batch whose next point is younger than the others' waits; one that
    comes up with an older point has the others step back.
    """
    present = [i for i, t in enumerate(times) if t is not None and len(t)]
    if not present or (len(present) < len(times) and not filled):
        return np.empty((0, len(times)), dtype=np.int64), np.empty(0, dtype=np.int64)
    if len(present) == len(times) and _alike(times):
        n = len(times[0])  # type: ignore[arg-type]
        return np.repeat(np.arange(n)[:, None], len(times), axis=1), times[0]  # type: ignore[return-value]
    lists = [[] if t is None else t.tolist() for t in times]
    at = [0] * len(times)
    rows: list[list[int]] = []
    out: list[int] = []
    while True:
        members = [-1] * len(times)
        time: int | None = None
        for i in present:
            if at[i] == len(lists[i]):
                continue
            t = lists[i][at[i]]
            if time is not None and t > time:
                continue
            if time is not None and t < time:
                for j, taken in enumerate(members):
                    at[j] -= taken >= 0
                members = [-1] * len(times)
            time = t
            members[i] = at[i]
            at[i] += 1
        if time is None:
            break
        if filled or min(members) >= 0:
            rows.append(members)
            out.append(time)
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(times)), np.array(out, dtype=np.int64)


def _alike(times: Sequence[IntArray | None]) -> bool:
    """Whether all batches have the same times, which rise: point by point they belong together."""
    first = times[0]
    if first is None or not (first[1:] >= first[:-1]).all():
        return False
    return all(t is not None and len(t) == len(first) and bool((t == first).all()) for t in times[1:])
