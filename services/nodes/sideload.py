"""sideload: add fields and tags that stand in files, or behind a URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grammar.gotemplate import TemplateError, parse
from services.columns.column import Column, Rows, column_of, over
from services.columns.frame import Batches, Frame, Message, Points
from services.columns.groups.grouping import regrouped
from services.columns.groups.series import Series
from services.connectors.sideload import SOURCES, SideloadError, address_of, check_source, converted
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop, putting, several
from services.process.permissions import Guard
from services.runtime.context import Context
from services.runtime.errors import TaskFailed
from services.runtime.grouping_node import GroupingNode


@dataclass
class SideloadProperties(Properties):
    source: str = prop(
        Type.STRING, default="", doc="Where the values are: file:///FOLDER, a URL, or an endpoint of [[httppost]]."
    )
    order: list[str] = several(
        Type.STRING, doc="Templates of the paths to look into, the first that has a key wins: 'host/{{.host}}.yml'."
    )
    fields: dict[str, Any] = putting(Type.ANY, name="field", doc="A field to load, and its value where there is none.")
    tags: dict[str, str] = putting(Type.STRING, name="tag", doc="A tag to load, and its value where there is none.")

    def permitted(self, guard: Guard) -> None:
        check_source(self.source, guard)

    def reads(self) -> frozenset[str]:
        return frozenset()

    def alters(self) -> frozenset[str]:
        return frozenset(self.tags)

    def keeps_groups(self) -> bool:
        return False


class SideloadNode(GroupingNode):
    """Sets fields and tags to what files say of a point's tags: thresholds by host, owners by service.

    A folder holds YAML and JSON files with an object of values each; a URL gives one JSON or YAML document of all of
    them, by path. They are read when the task starts and when they are reloaded: up to 8 MiB in 10,000 files, within
    some seconds, else the task does not start, or goes on with what it knew. The templates of `order` see the
    point's tags. Values become of the type of the default; one that cannot is an error, and the default stands in.
    A point for which a template fails goes on unchanged and is an error.
    """

    spec = NodeSpec(
        name="sideload",
        type_name="SideloadNode",
        properties=SideloadProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: SideloadProperties

    def __init__(self, properties: SideloadProperties, context: Context) -> None:
        super().__init__(properties, context)
        try:
            self._order = [parse(text, "order") for text in properties.order]
        except TemplateError as error:
            raise TaskFailed(str(error)) from None
        try:
            self._source = SOURCES.take(
                *address_of(properties.source, context.environment.post_endpoints), context.environment.guard
            )
        except SideloadError as error:
            raise TaskFailed(str(error)) from None
        self._version = self._source.version
        self._known: dict[int, _Loaded] = {}
        context.table.memos.add(self)

    def forget_numbers(self) -> None:
        self._known = {}

    def makes_groups(self) -> bool:
        return bool(self.properties.tags)

    def frame(self, frame: Frame) -> Sequence[Message]:
        out = frame.with_points(self._loaded(frame.points))
        return [regrouped(out, self.context.table) if self.properties.tags else out]

    def batches(self, batches: Batches) -> Sequence[Message]:
        return [batches.with_points(self._loaded(batches.points))] if len(batches.points) else [batches]

    def close(self) -> None:
        SOURCES.release(self._source)

    def _loaded(self, points: Points) -> Points:
        """The points with their fields and tags; what is said of a series is looked up once for each reading."""
        if self._version != self._source.version:
            self._version, self._known = self._source.version, {}
        numbers, which = np.unique(points.series, return_inverse=True)
        counts = np.bincount(which, minlength=len(numbers)).tolist()
        found = []
        for number, count in zip(numbers.tolist(), counts, strict=True):
            loaded = self._known.get(number)
            if loaded is None:
                loaded = self._known[number] = self._look_up(number)
            for reason in loaded.errors:
                self.context.error(reason, count)
            found.append(loaded)
        columns = {name: self._column(points, name, found, which) for name in self.properties.fields}
        series = np.array([loaded.series for loaded in found], dtype=np.int32)[which]
        return points.with_columns(columns).with_series(series)

    def _column(self, points: Points, name: str, found: Sequence[_Loaded], which: Rows) -> Column | None:
        loaded = column_of([None if f.fields is None else f.fields[name] for f in found]).take(which)
        return over(points.column(name), loaded)

    def _look_up(self, number: int) -> _Loaded:
        p, table = self.properties, self.context.table
        old = table.series(number)
        tags = dict(old.tags)
        errors: list[str] = []
        try:
            paths = [template.execute(tags) for template in self._order]
        except TemplateError as error:
            return _Loaded(None, number, [f"failed to evaluate order template: {error}"])
        fields = {name: self._value(paths, name, default, errors) for name, default in p.fields.items()}
        tags |= {name: self._value(paths, name, default, errors) for name, default in p.tags.items()}
        new = Series(old.database, old.retention_policy, old.name, tuple(sorted(tags.items())))
        return _Loaded(fields, table.number(new), errors)

    def _value(self, paths: Sequence[str], name: str, default: Any, errors: list[str]) -> Any:
        value = self._source.lookup(paths, name)
        if value is None:
            return default
        try:
            return converted(value, default)
        except ValueError as error:
            errors.append(f"failed to load key {name}: {error}")
            return default


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What is said of a series: its fields (None: it is left as it is), its new series, and what went wrong."""

    fields: dict[str, Any] | None
    series: int
    errors: list[str]
