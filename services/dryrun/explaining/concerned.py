"""Which groups a question about one group is about, at nodes that group by other tags than it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray
from services.columns.frame import Frame, Message, select
from services.columns.groups.fitting_tags import FittingTags
from services.columns.groups.series import SeriesTable, Tags


class Concerned:
    """Groups and series that do not contradict some tags: what has a tag of those names has it with that value."""

    def __init__(self, table: SeriesTable, tags: Mapping[str, str]) -> None:
        self._tags = dict(tags)
        self._fitting = FittingTags(table, self._fits)

    def groups(self, numbers: NDArray[np.int32]) -> BoolArray:
        """Of some groups, by their numbers, which are concerned: bool[n]."""
        return self._fitting.of_groups(numbers)

    def part(self, message: Message) -> Message | None:
        """What of a message is concerned; None where nothing is. Of points their own tags count as well."""
        mine = self.groups(message.group)
        if isinstance(message, Frame):
            mine = mine & self._fitting.of_series(message.points.series)
        if mine.all():
            return message if len(mine) else None
        rows = np.flatnonzero(mine)
        return select(message, rows) if len(rows) else None

    def _fits(self, tags: Tags) -> bool:
        return all(self._tags.get(name, value) == value for name, value in tags)
