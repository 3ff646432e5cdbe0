"""The share of its points that a part of a task has: by the values of some tags, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.column import BoolArray, Rows
from services.columns.groups.series import Group, SeriesArray, SeriesTable, Tags
from services.pipeline.tag_set import TagSet


@dataclass(frozen=True, slots=True)
class Share:
    """The number-th of so many shares, by the values of these tags: a missing tag is as an empty one."""

    by: TagSet
    number: int
    of: int

    def of_tags(self, tags: Tags) -> int:
        """Which share points with these tags belong to, 0 … of-1. Fixed for ever: states are kept by it."""
        names = self.by.names
        if self.by.star:
            values = [pair for pair in tags if pair[0] not in names and pair[1]]
        else:
            values = [pair for pair in tags if pair[0] in names and pair[1]]
        text = "".join(f"{len(name)}:{name}{len(value)}:{value}" for name, value in sorted(values))
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.of

    def of_group(self, group: Group) -> int:
        """Which share a group belongs to that is grouped by these tags, among others or not."""
        return self.of_tags(group.tags)


class SeriesOfShare:
    """Which series of a table are of a share, worked out once for each."""

    def __init__(self, share: Share, table: SeriesTable) -> None:
        self.share, self._table = share, table
        self._mine = table.per_series(np.bool_, lambda series: share.of_tags(series.tags) == share.number)

    def mine(self) -> BoolArray:
        """For each series of the table, by number, whether it is of the share: bool[len(table)]."""
        return self._mine.values()[: len(self._table)]

    def rows(self, series: SeriesArray) -> Rows:
        """The rows of these series (int32[n], by number) that are of the share, ascending."""
        return np.flatnonzero(self.mine()[series])


SharesByMeasurement = Mapping[int, Sequence[SeriesOfShare]]
"""By number of a measurement the shares of it that somebody wants, none where it is wanted whole."""
