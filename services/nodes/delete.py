"""delete: remove fields and tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.frame import Batches, Frame, Message, Points
from services.columns.groups.retag import with_each
from services.columns.groups.series import Dimensions, Group, GroupArray, Series, Tags
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, appending
from services.runtime.context import Context
from services.runtime.grouping_node import GroupingNode


@dataclass
class DeleteProperties(Properties):
    fields: list[str] = appending(Type.STRING, name="field", doc="A field to remove.")
    tags: list[str] = appending(Type.STRING, name="tag", doc="A tag to remove.")

    def alters(self) -> frozenset[str]:
        return frozenset(self.tags)

    def keeps_groups(self) -> bool:
        return False

    def reads(self) -> frozenset[str]:
        return frozenset(self.fields)

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        return None if before[0] is None else before[0].difference(self.tags)


class DeleteNode(GroupingNode):
    """Removes fields and tags where they are. Points are not grouped by a removed tag any more: groups become one."""

    spec = NodeSpec(
        name="delete",
        type_name="DeleteNode",
        properties=DeleteProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: DeleteProperties

    def __init__(self, properties: DeleteProperties, context: Context) -> None:
        super().__init__(properties, context)
        context.statistics.more["fields_deleted"] = 0
        context.statistics.more["tags_deleted"] = 0

    def makes_groups(self) -> bool:
        return bool(self.properties.tags)

    def frame(self, frame: Frame) -> Sequence[Message]:
        points = self._without(frame.points)
        if not self.properties.tags:
            return [frame.with_points(points)]
        return [Frame(points, self._groups(frame.group), self._dimensions(frame.dimensions), frame.origin)]

    def batches(self, batches: Batches) -> Sequence[Message]:
        points, b = self._without(batches.points), batches
        self._count_batches(b.group)
        if not self.properties.tags:
            return [batches.with_points(points)]
        dimensions = self._dimensions(b.dimensions)
        return [Batches(points, b.offsets, self._groups(b.group), b.names, b.tmax, dimensions, b.origin)]

    def _without(self, points: Points) -> Points:
        p, more, table = self.properties, self.context.statistics.more, self.context.table
        for name in p.fields:
            column = points.column(name)
            if column is not None:
                more["fields_deleted"] += int(np.count_nonzero(column.mask()))
                points = points.with_columns({name: None})
        if not p.tags:
            return points
        found, often = np.unique(points.series, return_counts=True)
        for number, count in zip(found.tolist(), often.tolist(), strict=True):
            more["tags_deleted"] += count * sum(name in p.tags for name, _ in table.series(number).tags)
        return points.with_series(with_each(points.series, self._untagged, table))

    def _count_batches(self, group: GroupArray) -> None:
        """A batch's own tags count like those of a point more: as Kapacitor 1.5.7 counts."""
        gone, table = self.properties.tags, self.context.table
        for number in group.tolist():
            self.context.statistics.more["tags_deleted"] += sum(name in gone for name, _ in table.group(number).tags)

    def _untagged(self, series: Series) -> Series:
        return Series(series.database, series.retention_policy, series.name, self._tags(series.tags))

    def _tags(self, tags: Tags) -> Tags:
        return tuple((k, v) for k, v in tags if k not in self.properties.tags)

    def _groups(self, group: GroupArray) -> GroupArray:
        table = self.context.table
        found, where = np.unique(group, return_inverse=True)
        olds = [table.group(n) for n in found.tolist()]
        numbers = [table.group_number(Group(self._tags(g.tags), g.name, g.by_name)) for g in olds]
        return np.array(numbers, dtype=np.int32)[where]

    def _dimensions(self, d: Dimensions) -> Dimensions:
        gone = set(self.properties.tags)
        if d.star:
            return Dimensions((), d.by_name, True, tuple(sorted(gone.union(d.exclude))))
        return Dimensions(tuple(t for t in d.tags if t not in gone), d.by_name)
