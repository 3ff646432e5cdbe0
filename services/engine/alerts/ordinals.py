"""Numbering what one point or tick causes, so that each has an identity however the input was cut into frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.engine.column import IntArray
from services.engine.effects import Identities
from services.engine.frame import Step
from services.engine.segments import is_first


class Ordinals:
    """Of what one node gives, over all steps."""

    def __init__(self) -> None:
        self._step: Step | None = None  # the last one, with its last cause and ordinal
        self._cause = self._ordinal = 0

    def identities(self, step: Step, cause: NDArray[np.int64]) -> Identities:
        """Of n > 0 things, whose causes (rows of the step's input) do not fall."""
        if step.tick:
            # all that a timer causes has one cause
            cause = np.zeros(len(cause), dtype=np.int64)
            seq, row, moment = np.full(len(cause), -step.tick), cause, np.full(len(cause), step.tick)
        else:
            seq, row, moment = step.seq[cause], step.row[cause].astype(np.int64), step.moment[cause]
        return Identities(seq, row, self._ordinals(step, cause), moment)

    def _ordinals(self, step: Step, cause: IntArray) -> IntArray:
        """The how-manieth of its cause each one is, within the step."""
        n = len(cause)
        head = is_first(cause)
        ordinal: IntArray = np.arange(n, dtype=np.int64) - np.maximum.accumulate(np.where(head, np.arange(n), 0))
        if step is self._step and cause[0] == self._cause:
            ordinal[cause == cause[0]] += self._ordinal + 1
        self._step, self._cause, self._ordinal = step, int(cause[-1]), int(ordinal[-1])
        return ordinal
