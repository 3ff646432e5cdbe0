"""How many points have come: what Kapacitor calls ingress."""

from __future__ import annotations

import numpy as np

from services.engine.column import IntArray
from services.engine.intake import Intake, Slice


class Ingress:
    """Counts from when it is made. What is read from the log once more does not count twice."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._counts: dict[tuple[str, str], IntArray] = {}  # by number of the measurement
        self._counted: dict[tuple[str, str], int] = {}  # the last sequence

    def count(self, piece: Slice) -> None:
        """Points have come."""
        dbrp = piece.database, piece.retention_policy
        fresh = piece.counts(after=self._counted.get(dbrp, 0))
        have = self._counts.get(dbrp)
        if have is None or len(have) < len(fresh):
            more, have = have, np.zeros(2 * len(fresh), dtype=np.int64)
            self._counts[dbrp] = have
            if more is not None:
                have[: len(more)] = more
        have[: len(fresh)] += fresh
        self._counted[dbrp] = max(self._counted.get(dbrp, 0), int(piece.step.seq[-1]))

    def shown(self) -> list[tuple[str, str, str, int]]:
        """Database, retention policy, measurement, points."""
        names = self._intake.measurements()
        return [
            (*dbrp, names[number], int(counts[number]))
            for dbrp, counts in self._counts.items()
            for number in np.flatnonzero(counts).tolist()
        ]
