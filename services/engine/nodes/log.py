"""log: write every point or batch to the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services import log as logs
from services.engine.frame import Batches, Frame, Message
from services.engine.node import Context, Node
from services.engine.result import batch_row, rfc3339
from services.pipeline.spec import Edge, NodeSpec, Properties, Type, prop


@dataclass
class LogProperties(Properties):
    level: str = prop(Type.STRING, default="INFO", doc="DEBUG, INFO, WARN or ERROR; INFO for any other word.")
    prefix: str = prop(Type.STRING, default="", doc="Put before every message.")


class LogNode(Node):
    """Logs what comes in and hands it on unchanged. Nothing is done where that level is not written."""

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
        self._log = logs.get("engine").bind(task=context.task, node=context.node)
        if properties.prefix:
            self._log = self._log.bind(prefix=properties.prefix)

    def frame(self, frame: Frame) -> Sequence[Message]:
        write = self._writer()
        if write is not None:
            table, points = self.context.table, frame.points
            times, numbers, groups = points.time.tolist(), points.series.tolist(), frame.group.tolist()
            for time, number, group, fields in zip(times, numbers, groups, points.rows(), strict=True):
                series = table.series(number)
                keys: dict[str, Any] = {"name": series.name, "db": series.database, "rp": series.retention_policy}
                keys["group"] = table.group(group).id
                keys |= {f"tag_{k}": v for k, v in series.tags} | {f"field_{k}": v for k, v in fields.items()}
                write("point", **keys, time=rfc3339(time))
        return [frame]

    def batches(self, batches: Batches) -> Sequence[Message]:
        write = self._writer()
        if write is not None:
            table = self.context.table
            for i in range(len(batches)):
                row = batch_row(batches, i, table)
                keys = {"name": row["name"], "group": table.group(int(batches.group[i])).id}
                keys |= {f"tag_{k}": v for k, v in row.get("tags", {}).items()}
                points = [dict(zip(row["columns"], values, strict=True)) for values in row.get("values", [])]
                write("batch", **keys, time=rfc3339(int(batches.tmax[i])), points=points)
        return [batches]

    def _writer(self) -> Callable[..., None] | None:
        if not self._log.enabled(self._level):
            return None
        write: Callable[..., None] = getattr(self._log, self._level.lower())
        return write
