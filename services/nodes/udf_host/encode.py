"""Points and batches as requests to a function.

Points are put together from bytes here and not by the protobuf library: what the points of a series share is made
once, and their fields go column by column.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator

from services.columns.column import Column, Kind, Value, kind_of
from services.columns.frame import Batches, Frame, Points
from services.columns.groups.series import SeriesTable
from services.nodes.udf_host.connection import keepalive
from tickbus.udf.protocol import Point, Request, clean, framed, varint

_POINT = b"\x8a\x01"  # Request's field 17, with a length
_TIME = b"\x08"  # Point's field 1
# For each kind of value Point's map (its tag), and the tag of the value in an entry: fields 8, 9, 10 and 12; 2 in each.
_MAPS = {
    Kind.FLOAT: (b"\x42", b"\x11"),
    Kind.INT: (b"\x4a", b"\x10"),
    Kind.STRING: (b"\x52", b"\x12"),
    Kind.BOOL: (b"\x62", b"\x10"),
}
_MASK = (1 << 64) - 1
_MOST_PREFIXES = 100_000


class Encoder:
    """Framed requests from frames and batches. After each point (of a stream) or batch comes a KeepaliveRequest.

    Its answer tells that the function has worked off what stands before it. So it is known what each point that comes
    back was caused by, and when a step's input has been answered, whatever the function makes of it.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._prefixes: dict[tuple[int, int], bytes] = {}
        table.memos.add(self)
        self.odd = 0
        """How many fields have been left out because the protocol has no type for them."""

    def forget_numbers(self) -> None:
        self._prefixes.clear()

    def frame(self, frame: Frame) -> tuple[bytes, list[int]]:
        """A frame's points; and for each KeepaliveRequest among them the origin of what stands before it."""
        ping, out, origins = keepalive(), bytearray(), []
        points = frame.points
        origin = frame.origin.tolist()
        keys = zip(points.series.tolist(), frame.group.tolist(), strict=True)
        for i, (key, fields) in enumerate(zip(keys, self._fields(points), strict=True)):
            prefix = self._prefixes.get(key) or self._prefix(*key)
            data = prefix + fields
            body = _POINT + varint(len(data)) + data
            out += varint(len(body)) + body
            if i + 1 == len(origin) or origin[i + 1] != origin[i]:
                out += ping
                origins.append(origin[i])
        return bytes(out), origins

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
        return bytes(out), batches.origin.tolist()

    def _fields(self, points: Points) -> Iterator[bytes]:
        """Each point's time and fields, as the part of a Point."""
        parts = [[_TIME + varint(time & _MASK) for time in points.time.tolist()]]
        parts += [self._column(clean(name).encode(), column) for name, column in points.columns().items()]
        return map(b"".join, zip(*parts, strict=True))

    def _column(self, name: bytes, column: Column) -> list[bytes]:
        """One field of every point as the entry of a map; empty where a point lacks it."""
        if column.valid is None and column.kind is Kind.FLOAT:
            entry = _entry(Kind.FLOAT, name, 8)
            data = column.values.astype("<f8").tobytes()
            return [entry + data[at : at + 8] for at in range(0, len(data), 8)]
        out = []
        for value in column.tolist():
            if value is None:
                out.append(b"")
                continue
            kind = kind_of(value)
            if kind not in _MAPS:
                self.odd += 1
                out.append(b"")
                continue
            data = _value(kind, value)
            out.append(_entry(kind, name, len(data)) + data)
        return out

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


@functools.lru_cache(1024)
def _entry(kind: Kind, name: bytes, size: int) -> bytes:
    """A map's entry up to its value, which takes `size` bytes."""
    map_, tag = _MAPS[kind]
    inner = b"\x0a" + varint(len(name)) + name + tag
    return map_ + varint(len(inner) + size) + inner


def _value(kind: Kind, value: Value) -> bytes:
    if kind is Kind.FLOAT:
        return struct.pack("<d", value)
    if kind is Kind.STRING:
        data = clean(str(value)).encode()
        return varint(len(data)) + data
    return varint(int(value) & _MASK)
