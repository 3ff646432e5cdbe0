"""Points and batches as requests to a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.engine.column import Kind, kind_of
from services.engine.frame import Batches, Frame, Points
from services.engine.series import SeriesTable
from services.engine.udf.connection import keepalive
from services.engine.udf.protocol import Point, Request, clean, framed, varint

_POINT = b"\x8a\x01"  # Request's field 17, with a length
_FIELDS = {Kind.FLOAT: "fieldsDouble", Kind.INT: "fieldsInt", Kind.STRING: "fieldsString", Kind.BOOL: "fieldsBool"}
_MOST_PREFIXES = 100_000


class Encoder:
    """Framed requests from frames and batches. After each point (of a stream) or batch comes a KeepaliveRequest.

    Its answer tells that the function has worked off what stands before it. So it is known what each point that comes
    back was caused by, and when a step's input has been answered, whatever the function makes of it.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._prefixes: dict[tuple[int, int], bytes] = {}
        self.odd = 0
        """How many fields have been left out because the protocol has no type for them."""

    def frame(self, frame: Frame) -> tuple[bytes, list[int]]:
        """A frame's points; and for each KeepaliveRequest among them the cause of what stands before it."""
        ping, out, causes = keepalive(), bytearray(), []
        points = frame.points
        cause = frame.cause.tolist()
        keys = zip(points.series.tolist(), frame.group.tolist(), strict=True)
        for i, (key, fields) in enumerate(zip(keys, self._fields(points), strict=True)):
            prefix = self._prefixes.get(key) or self._prefix(*key)
            data = prefix + fields
            body = _POINT + varint(len(data)) + data
            out += varint(len(body)) + body
            if i + 1 == len(cause) or cause[i + 1] != cause[i]:
                out += ping
                causes.append(cause[i])
        return bytes(out), causes

    def batches(self, batches: Batches) -> tuple[bytes, list[int]]:
        """The same for batches."""
        ping, out = keepalive(), bytearray()
        offsets, series = batches.offsets.tolist(), batches.points.series.tolist()
        fields = list(self._fields(batches.points))
        for i, (number, name, tmax) in enumerate(
            zip(batches.group.tolist(), batches.names, batches.tmax.tolist(), strict=True)
        ):
            group = self._table.group(number)
            about = {
                "name": clean(name),
                "group": clean(group.id),
                "tags": {clean(k): clean(v) for k, v in group.tags},
                "byName": group.by_name,
            }
            out += framed(Request(begin={**about, "size": offsets[i + 1] - offsets[i]}))
            for row in range(offsets[i], offsets[i + 1]):
                tags = {clean(k): clean(v) for k, v in self._table.series(series[row]).tags}
                data = Point(group=about["group"], tags=tags).SerializeToString() + fields[row]
                body = _POINT + varint(len(data)) + data
                out += varint(len(body)) + body
            out += framed(Request(end={**about, "tmax": tmax}))
            out += ping
        return bytes(out), batches.cause.tolist()

    def _fields(self, points: Points) -> Iterator[bytes]:
        """Each point's time and fields, as the part of a Point."""
        columns = [(clean(name), column.kind, column.tolist()) for name, column in points.columns().items()]
        for i, time in enumerate(points.time.tolist()):
            typed: dict[str, dict[str, Any]] = {}
            for name, kind, values in columns:
                value = values[i]
                if value is None:
                    continue
                into = _FIELDS.get(kind) or self._of_mixed(value)
                if into is None:
                    self.odd += 1
                elif into == "fieldsString":
                    typed.setdefault(into, {})[name] = clean(str(value))
                else:
                    typed.setdefault(into, {})[name] = value
            yield Point(time=time, **typed).SerializeToString()

    def _of_mixed(self, value: Any) -> str | None:
        return _FIELDS.get(kind_of(value))

    def _prefix(self, series: int, group: int) -> bytes:
        """The part of a Point that all points of a series and group share."""
        s, g = self._table.series(series), self._table.group(group)
        point = Point(
            name=clean(s.name),
            database=clean(s.database),
            retentionPolicy=clean(s.retention_policy),
            group=clean(g.id),
            dimensions=[clean(k) for k, _ in g.tags],
            tags={clean(k): clean(v) for k, v in s.tags},
            byName=g.by_name,
        )
        if len(self._prefixes) >= _MOST_PREFIXES:
            self._prefixes.clear()
        prefix: bytes = point.SerializeToString()
        self._prefixes[series, group] = prefix
        return prefix
