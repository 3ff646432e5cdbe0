"""Numbers for what points are grouped by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.columns.groups.keyed_state import Numbering
from services.columns.groups.series import Dimensions


class DimensionsTable(Numbering):
    """Numbers for the dimensions that a node has met: rows of parents grouped differently stand side by side."""

    def __init__(self) -> None:
        self._all: list[Dimensions] = []
        self._number: dict[Dimensions, int] = {}

    def number(self, dimensions: Dimensions) -> int:
        """The number of some dimensions, a new one at first sight."""
        n = self._number.get(dimensions)
        if n is None:
            n = self._number[dimensions] = len(self._all)
            self._all.append(dimensions)
        return n

    def __getitem__(self, number: int) -> Dimensions:
        return self._all[number]

    def state(self) -> list[Any]:
        return [[list(d.tags), d.by_name, d.star, list(d.exclude)] for d in self._all]

    def restore(self, state: Sequence[Any]) -> None:
        self._all, self._number = [], {}
        for tags, by_name, star, exclude in state:
            self.number(Dimensions(tuple(tags), by_name, star, tuple(exclude)))
