"""Which groups a question about one group is about, at nodes that group by other tags than it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray
from services.columns.frame import Barriers, Batches, Frame, Message
from services.columns.groups.series import SeriesTable, Tags


class Concerned:
    """Groups and series that do not contradict some tags: what has a tag of those names has it with that value."""

    def __init__(self, table: SeriesTable, tags: Mapping[str, str]) -> None:
        self._table, self.tags = table, dict(tags)
        self._groups: BoolArray = np.empty(0, dtype=np.bool_)
        self._series: BoolArray = np.empty(0, dtype=np.bool_)

    def groups(self, numbers: NDArray[np.int32]) -> BoolArray:
        """Of some groups, by their numbers, which are concerned: bool[n]."""
        if (have := len(self._groups)) < self._table.group_count:
            more = [self.fits(self._table.group(n).tags) for n in range(have, self._table.group_count)]
            self._groups = np.append(self._groups, np.array(more, dtype=np.bool_))
        return self._groups[numbers]

    def series(self, numbers: NDArray[np.int32]) -> BoolArray:
        """Of some series, by their numbers, which are concerned: bool[n]."""
        if (have := len(self._series)) < len(self._table):
            more = [self.fits(self._table.series(n).tags) for n in range(have, len(self._table))]
            self._series = np.append(self._series, np.array(more, dtype=np.bool_))
        return self._series[numbers]

    def fits(self, tags: Tags) -> bool:
        """Whether tags do not contradict those asked for."""
        return all(self.tags.get(name, value) == value for name, value in tags)

    def part(self, message: Message) -> Message | None:
        """What of a message is concerned; None where nothing is. Of points their own tags count as well."""
        mine = self.groups(message.group)
        if isinstance(message, Frame):
            mine = mine & self.series(message.points.series)
        if mine.all():
            return message if len(mine) else None
        rows = np.flatnonzero(mine)
        if not len(rows):
            return None
        if isinstance(message, Frame):
            return message.take(rows)
        if isinstance(message, Batches):
            return message.select(rows)
        of = (message.dimensions, message.delete, message.for_joins)
        return Barriers(message.group[rows], message.time[rows], message.origin[rows], *of)
