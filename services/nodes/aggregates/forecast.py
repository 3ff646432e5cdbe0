"""What holtWinters and holtWintersWithFit have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from services.columns.column import Column, Kind
from services.columns.frame import Batches, Message, Points
from services.nodes.aggregates.function import AS_DOC, FunctionNode, FunctionProperties, batch_of
from services.nodes.aggregates.holt_winters import MOST_INTERVALS, SpanTooLong, holt_winters
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Type, argument, prop


@dataclass
class ForecastProperties(FunctionProperties):
    horizon: int = argument(Type.INT, doc="How many points to forecast.")
    season: int = argument(Type.INT, doc="How many points a season has; below 2: there are no seasons.")
    interval: int = argument(Type.DURATION, doc="How far points lie apart.")
    as_: str = prop(Type.STRING, default="holtWinters", doc=AS_DOC)

    def check(self) -> None:
        if self.interval <= 0:
            raise ValueError("holtWinters interval must be greater than 0")
        if self.horizon > MOST_INTERVALS:
            raise ValueError(f"holtWinters horizon must be at most {MOST_INTERVALS}")


class ForecastNode(FunctionNode):
    """Makes a batch of forecast points of each batch; an empty one where there are too few points for it.

    It is empty as well, and an error, where the points span more than a million intervals.
    """

    fit: ClassVar[bool]

    properties: ForecastProperties

    def give(self, batches: Batches, parts: list[Segments], whole: bool) -> Message | None:
        if not parts:
            return None
        p = self.properties
        found: dict[int, list[tuple[int, float]]] = {}
        for part in parts:
            for number, lo, hi in zip(part.number.tolist(), part.starts.tolist(), part.ends.tolist(), strict=True):
                time, value = part.time[lo:hi].tolist(), part.values[lo:hi].astype(np.float64).tolist()
                try:
                    found[number] = holt_winters(time, value, p.horizon, p.season, p.interval, fit=self.fit)
                except SpanTooLong as error:
                    self.context.error(f"cannot perform {self.spec.name}: {error}")
                    found[number] = []
        counts = np.zeros(len(batches), dtype=np.intp)
        for number, points in found.items():
            counts[number] = len(points)
        chosen = np.array(sorted(found), dtype=np.intp)
        times = np.array([t for number in chosen.tolist() for t, _ in found[number]], dtype=np.int64)
        values = np.array([v for number in chosen.tolist() for _, v in found[number]], dtype=np.float64)
        series = self.of_group(batches, np.repeat(chosen, counts[chosen]))
        return batch_of(batches, chosen, counts, Points(times, series, {p.as_: Column(Kind.FLOAT, values)}))
