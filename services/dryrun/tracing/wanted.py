"""Which points, batches and barriers somebody wants to see, told by columns and not by one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from grammar.tickscript.ast import Expression
from services.columns.column import BoolArray, Rows
from services.columns.frame import Barriers, Batches, Frame, Message, Points
from services.columns.groups.fitting_tags import FittingTags
from services.columns.groups.series import SeriesTable
from services.expressions import Evaluator


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be seen. node: of which node alone, by its name; "": of all.

    group: tags that it has. where: what holds for it; points of which that cannot be said are none. None: anything.
    """

    node: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    where: Expression | None = None


class Filter:
    """Chooses rows by tags and by a condition."""

    def __init__(self, wanted: Wanted, table: SeriesTable) -> None:
        """Raises ExpressionError for a condition that cannot be right whatever the data."""
        self._tags = frozenset(wanted.group.items())
        self._where: Evaluator | None = None
        if wanted.where is not None:
            self._where = Evaluator(wanted.where, table)
            self._where.check()
        self._fitting = FittingTags(table, self._tags.issubset)
        self._judged, self._reason = False, ""

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return not self._tags and self._where is None

    @property
    def mistaken(self) -> str:
        """Why the condition could be evaluated for none of the points so far; "" where it could, or nothing came."""
        return "" if self._judged else self._reason

    def rows(self, message: Message) -> Rows:
        """The numbers of the points, batches or barriers of a message that are wanted: intp[k], ascending.

        A batch is wanted whole: for its own tags or those of a point of it, and for a point for which the condition
        holds. Of barriers no condition holds.
        """
        if isinstance(message, Frame):
            return self._points(message.points)
        if isinstance(message, Batches):
            return self._batches(message)
        return self._barriers(message)

    def _points(self, points: Points) -> Rows:
        if not self._tags:
            return np.flatnonzero(self.holds(points)) if self._where is not None else np.arange(len(points))
        rows = np.flatnonzero(self._fitting.of_series(points.series))
        if self._where is None or not len(rows):
            return rows
        return rows[self.holds(points.take(rows))]

    def _batches(self, batches: Batches) -> Rows:
        wanted = np.ones(len(batches), dtype=np.bool_)
        if self._tags:
            points = self._fitting.of_series(batches.points.series)
            wanted = self._fitting.of_groups(batches.group) | _any(points, batches)
        if self._where is not None and wanted.any():
            wanted &= _any(self.holds(batches.points), batches)
        return np.flatnonzero(wanted)

    def _barriers(self, barriers: Barriers) -> Rows:
        if self._where is not None:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(self._fitting.of_groups(barriers.group)) if self._tags else np.arange(len(barriers.group))

    def holds(self, points: Points) -> BoolArray:
        """For which points the condition holds, whatever their tags: bool[n]."""
        if self._where is None or not len(points):
            return np.ones(len(points), dtype=np.bool_)
        truth = self._where.truth(points)
        if not self._judged:
            self._judged = truth.failed is None or not truth.failed.all()
            self._reason = "" if self._judged else truth.reasons[0]
        return truth.true if truth.failed is None else truth.true & ~truth.failed


def _any(points: BoolArray, batches: Batches) -> BoolArray:
    """For each batch whether anything holds for a point of it."""
    counts = np.concatenate([[0], np.cumsum(points)])
    return (np.diff(counts[batches.offsets]) > 0).astype(np.bool_)
