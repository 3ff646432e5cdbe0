"""How many points have come: what Kapacitor calls ingress."""

from __future__ import annotations

import numpy as np

from services.bus.positions import WritesSeq
from services.columns.column import IntArray
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder, LogBatch


class Ingress:
    """Counts from when it is made. What is read from the log once more does not count twice."""

    def __init__(self, decoder: LineProtocolDecoder) -> None:
        self._decoder = decoder
        self._counts: dict[tuple[str, str], IntArray] = {}  # by number of the measurement
        self._counted: dict[tuple[str, str], WritesSeq] = {}  # the last sequence

    def count(self, batch: LogBatch) -> None:
        """Points have come."""
        dbrp = batch.database, batch.retention_policy
        fresh = batch.counts(after=self._counted.get(dbrp, WritesSeq(0)))
        have = self._counts.get(dbrp)
        if have is None or len(have) < len(fresh):
            more, have = have, np.zeros(2 * len(fresh), dtype=np.int64)
            self._counts[dbrp] = have
            if more is not None:
                have[: len(more)] = more
        have[: len(fresh)] += fresh
        self._counted[dbrp] = max(self._counted.get(dbrp, WritesSeq(0)), batch.last)

    def went_back(self, to: WritesSeq) -> None:
        """The log has other messages behind this sequence than what was counted."""
        self._counted = {dbrp: min(counted, to) for dbrp, counted in self._counted.items()}

    def totals(self) -> list[tuple[str, str, int]]:
        """Database, retention policy, points."""
        return [(*dbrp, int(counts.sum())) for dbrp, counts in self._counts.items()]

    def rows(self) -> list[tuple[str, str, str, int]]:
        """Database, retention policy, measurement, points."""
        names = self._decoder.measurements()
        return [
            (*dbrp, names[number], int(counts[number]))
            for dbrp, counts in self._counts.items()
            for number in np.flatnonzero(counts).tolist()
        ]
