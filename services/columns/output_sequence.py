"""Numbering what one point or tick causes, so that each has an identity however the input was cut into frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.columns.column import IntArray
from services.columns.frame import Step
from services.columns.segments import is_first


@dataclass(frozen=True, slots=True)
class EventIds:
    """What identifies n things that a step has caused (see Step), and when (ns) their origins came: int64[n] each."""

    seq: IntArray
    row: IntArray
    ordinal: IntArray
    processing_time: IntArray


class OutputSequence:
    """Of what one node gives, over all steps.

    What ticks cause counts over all groups, as what one point causes does: whoever reads what a node has sent knows a
    repetition by its place in one order that rises, which a number by group would not. So where the groups of a task
    are shared out among several senders, each has an order of its own, of points as of ticks, and what is sent has to
    say whose it is; no number within the order can make up for that.
    """

    def __init__(self) -> None:
        self._step: Step | None = None  # the last one, with its last origin and ordinal
        self._origin = self._ordinal = 0

    def event_ids(self, step: Step, origin: NDArray[np.int64]) -> EventIds:
        """Of n > 0 things, whose origins (rows of the step's input) do not fall."""
        if step.tick:
            # all that a timer causes has one origin
            origin = np.zeros(len(origin), dtype=np.int64)
            seq, row, processing_time = np.full(len(origin), -step.tick), origin, np.full(len(origin), step.tick)
        else:
            seq, row = step.seq[origin], step.row[origin].astype(np.int64)
            processing_time = step.processing_time[origin]
        return EventIds(seq, row, self._ordinals(step, origin), processing_time)

    def _ordinals(self, step: Step, origin: IntArray) -> IntArray:
        """The how-manieth of its origin each one is, within the step."""
        n = len(origin)
        ordinal: IntArray = np.zeros(n, dtype=np.int64)
        if n > 1:
            place = np.arange(n, dtype=np.int64)
            ordinal = place - np.maximum.accumulate(np.where(is_first(origin), place, 0))
        if step is self._step and origin[0] == self._origin:
            ordinal[origin == origin[0]] += self._ordinal + 1
        self._step, self._origin, self._ordinal = step, int(origin[-1]), int(ordinal[-1])
        return ordinal
