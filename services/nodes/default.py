"""default: set fields and tags that points lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import Column, Value, column_of, constant, kind_of
from services.columns.frame import Batches, Frame, Message, Points
from services.columns.groups.grouping import regrouped
from services.columns.groups.retag import with_each
from services.columns.groups.series import Dimensions, Group, GroupArray, Series, Tags
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, putting
from services.runtime.context import Context
from services.runtime.grouping_node import GroupingNode

_GO_TYPES = {"Duration": "time.Duration", "Regex": "*regexp.Regexp", "LambdaValue": "*ast.LambdaNode"}


@dataclass
class DefaultProperties(Properties):
    fields: dict[str, Any] = putting(Type.ANY, name="field", doc="A field, and its value where a point lacks it.")
    tags: dict[str, str] = putting(Type.STRING, name="tag", doc="A tag, and its value where a point lacks it.")

    def check(self) -> None:
        for field, value in self.fields.items():
            if type(value) not in (float, int, bool, str):
                word = _GO_TYPES.get(type(value).__name__, type(value).__name__)
                allowed = "field default values must be float,int,string or bool"
                raise ValueError(f'unsupported type {word} for field "{field}", {allowed}')

    def reads(self) -> frozenset[str]:
        return frozenset(self.fields)

    def alters(self) -> frozenset[str]:
        return frozenset(self.tags)

    def keeps_groups(self) -> bool:
        return False


class DefaultNode(GroupingNode):
    """Fills in missing fields and missing or empty tags. Points change their group with the tags they are grouped by.

    A null, as join fills with, is a missing field. On batches the tags are set on the batch itself too, as group tags.
    """

    spec = NodeSpec(
        name="default",
        type_name="DefaultNode",
        properties=DefaultProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: DefaultProperties

    def __init__(self, properties: DefaultProperties, context: Context) -> None:
        super().__init__(properties, context)
        context.statistics.more["fields_defaulted"] = 0
        context.statistics.more["tags_defaulted"] = 0

    def makes_groups(self) -> bool:
        return bool(self.properties.tags)

    def frame(self, frame: Frame) -> Sequence[Message]:
        out = frame.with_points(self._filled(frame.points))
        return [regrouped(out, self.context.table) if self.properties.tags else out]

    def batches(self, batches: Batches) -> Sequence[Message]:
        points = self._filled(batches.points)
        self._count_batches(batches.group)
        if not self.properties.tags:
            return [batches.with_points(points)]
        b, d = batches, batches.dimensions
        tags = tuple(sorted({*d.tags, *self.properties.tags}))
        dimensions = d if d.star else Dimensions(tags, d.by_name, False, d.exclude)
        return [Batches(points, b.offsets, self._groups(b.group), b.names, b.tmax, dimensions, b.origin)]

    def _filled(self, points: Points) -> Points:
        n, more = len(points), self.context.statistics.more
        columns: dict[str, Column | None] = {}
        for name, value in self.properties.fields.items():
            column = points.column(name)
            missing = n if column is None else n - int(np.count_nonzero(column.known()))
            if missing:
                more["fields_defaulted"] += missing
                columns[name] = _with_default(column, n, value)
        if columns:
            points = points.with_columns(columns)
        if not self.properties.tags:
            return points
        table = self.context.table
        found, often = np.unique(points.series, return_counts=True)
        for number, count in zip(found.tolist(), often.tolist(), strict=True):
            tags = dict(table.series(number).tags)
            more["tags_defaulted"] += count * sum(not tags.get(name) for name in self.properties.tags)
        return points.with_series(with_each(points.series, self._tagged, table))

    def _count_batches(self, group: GroupArray) -> None:
        """A batch counts like a point more, one without fields: as Kapacitor 1.5.7 counts."""
        p, more, table = self.properties, self.context.statistics.more, self.context.table
        more["fields_defaulted"] += len(group) * len(p.fields)
        for number in group.tolist():
            tags = dict(table.group(number).tags)
            more["tags_defaulted"] += sum(not tags.get(name) for name in p.tags)

    def _tagged(self, series: Series) -> Series:
        return Series(series.database, series.retention_policy, series.name, self._tags(series.tags))

    def _tags(self, tags: Tags) -> Tags:
        out = dict(tags)
        for name, value in self.properties.tags.items():
            out[name] = out.get(name) or value
        return tuple(sorted(out.items()))

    def _groups(self, group: GroupArray) -> GroupArray:
        table = self.context.table
        found, where = np.unique(group, return_inverse=True)
        olds = [table.group(n) for n in found.tolist()]
        numbers = [table.group_number(Group(self._tags(g.tags), g.name, g.by_name)) for g in olds]
        return np.array(numbers, dtype=np.int32)[where]


def _with_default(column: Column | None, n: int, value: Value) -> Column:
    if column is None:
        return constant(value, n)
    missing = ~column.known()
    if kind_of(value) is column.kind:
        values = column.values.copy()
        values[missing] = value
        return Column(column.kind, values)
    mixed = column.tolist()
    for row in np.flatnonzero(missing).tolist():
        mixed[row] = value
    return column_of(mixed)
