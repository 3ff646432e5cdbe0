"""log: write every point or batch to the log.

In a run in which nothing is done outside the log is left alone. What would have stood there is told, whichever levels
this process writes (services.runtime.effects.Withheld): of a point

    {"level", "prefix", "point": measurement, "group", "tags", "fields"}

and of a batch

    {"level", "prefix", "batch": measurement, "group", "tags", "points": [{"time", "tags", "fields"}]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grammar.golang.numbers import format_float
from grammar.golang.times import format_rfc3339
from services.columns.frame import Batches, Frame, Message
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop
from services.process import log as logs
from services.runtime.context import Context
from services.runtime.effects import Withheld
from services.runtime.node import Node
from services.runtime.task_log import TASK_LOG


@dataclass
class LogProperties(Properties):
    level: str = prop(Type.STRING, default="INFO", doc="DEBUG, INFO, WARN or ERROR; INFO for any other word.")
    prefix: str = prop(Type.STRING, default="", doc="Put before every message.")

    def keeps_groups(self) -> bool:
        return False


class LogNode(Node):
    """Logs what comes in and hands it on unchanged. Nothing is done where that level is not written.

    Of a batch a line for its begin, each of its points, and its end. Who reads /kapacitor/v1preview/logs as JSON gets
    the tags and fields of a point as objects.
    """

    spec = NodeSpec(
        name="log",
        type_name="LogNode",
        properties=LogProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    properties: LogProperties

    def __init__(self, properties: LogProperties, context: Context) -> None:
        super().__init__(properties, context)
        level = properties.level.upper()
        self._level = level if level in ("DEBUG", "WARN", "ERROR") else "INFO"
        self._log = TASK_LOG.bind(task=context.task, node=context.node, prefix=properties.prefix)
        self._dry = context.environment.dry

    def frame(self, frame: Frame) -> Sequence[Message]:
        if self._dry:
            self._withhold_points(frame)
            return [frame]
        write = self._writer()
        if write is not None:
            table, points = self.context.table, frame.points
            times, numbers, groups = points.time.tolist(), points.series.tolist(), frame.group.tolist()
            for time, number, group, fields in zip(times, numbers, groups, points.rows(), strict=True):
                series, of = table.series(number), table.group(group)
                keys: dict[str, Any] = {"name": series.name, "db": series.database, "rp": series.retention_policy}
                keys["group"] = of.id
                keys |= {f"dimension_{i}": name for i, (name, _) in enumerate(of.tags)}
                write("point", **keys, **_pairs("tag", series.tags), **_fields(fields), time=format_rfc3339(time))
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        if self._dry:
            self._withhold_batches(batches)
            return [batches]
        write = self._writer()
        if write is not None:
            table, points = self.context.table, batches.points
            times, numbers, rows = points.time.tolist(), points.series.tolist(), points.rows()
            for i in range(len(batches)):
                group = table.group(int(batches.group[i]))
                keys = {"name": batches.names[i], "group": group.id}
                of_all = keys | _pairs("tag", group.tags) | {"time": format_rfc3339(int(batches.tmax[i]))}
                write("begin batch", **of_all)
                for row in range(int(batches.offsets[i]), int(batches.offsets[i + 1])):
                    tags = _pairs("tag", table.series(numbers[row]).tags)
                    write("batch point", **keys, **tags, **_fields(rows[row]), time=format_rfc3339(times[row]))
                write("end batch", **of_all)
        return [batches]

    def _withhold_points(self, frame: Frame) -> None:
        table, points = self.context.table, frame.points
        times, numbers, groups = points.time.tolist(), points.series.tolist(), frame.group.tolist()
        for time, number, group, fields in zip(times, numbers, groups, points.rows(), strict=True):
            series = table.series(number)
            of = {"point": series.name, "group": table.group(group).id, "tags": dict(series.tags)}
            self._withhold(time, {**of, "fields": dict(fields)})

    def _withhold_batches(self, batches: Batches) -> None:
        table, points = self.context.table, batches.points
        times, numbers, rows = points.time.tolist(), points.series.tolist(), points.rows()
        for i, tmax in enumerate(batches.tmax.tolist()):
            group = table.group(int(batches.group[i]))
            of: dict[str, Any] = {"batch": batches.names[i], "group": group.id, "tags": dict(group.tags)}
            of["points"] = [
                {"time": format_rfc3339(times[row]), "tags": dict(table.series(numbers[row]).tags), "fields": rows[row]}
                for row in range(int(batches.offsets[i]), int(batches.offsets[i + 1]))
            ]
            self._withhold(tmax, of)

    def _withhold(self, time: int, of: dict[str, Any]) -> None:
        what = {"level": self._level, "prefix": self.properties.prefix, **of}
        self.context.effect(Withheld(self.context.node, "log", time, what))

    def _writer(self) -> Callable[..., None] | None:
        if not self._log.enabled(self._level):
            return None
        write: Callable[..., None] = getattr(self._log, self._level.lower())
        return write


def _pairs(kind: str, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {logs.key(f"{kind}_{name}"): value for name, value in values}


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields, their types told by how they are written: texts in quotes, floats as Go writes them."""
    return _pairs("field", ((name, _written(value)) for name, value in fields.items()))


def _written(value: Any) -> Any:
    if isinstance(value, float):
        return format_float(value, "f")
    return value if isinstance(value, int) else logs.Text(value)
