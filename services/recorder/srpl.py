"""Recordings of streams as files of Kapacitor's own form (.srpl).

Gzip; for each point three lines: database, retention policy, and the point in line protocol with its time in ns.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence

from services.engine.lineprotocol import careful
from services.recorder.archive import Gathered, Record

_LINES_AT_ONCE = 20_000


class BadFile(Exception):
    """Not such a file; str() says what is wrong with it."""


def write(records: Sequence[Record]) -> bytes:
    """Records as a part of a file: the parts of a recording end to end are the file."""
    out = []
    for record in records:
        unit = careful.multiplier(record.precision)
        head = f"{record.database}\n{record.retention_policy}\n".encode()
        received = record.received // unit * unit
        for line in careful.lines(record.body):
            key, fields, time = careful.parse(line, unit)
            out.append(b"%s%s %s %d\n" % (head, key, fields, received if time is None else time))
    return gzip.compress(b"".join(out), 6, mtime=0)


def read(data: bytes, chunk_bytes: int) -> Iterator[Gathered]:
    """The points of a file in chunks of about so many bytes. Raises BadFile.

    Points that follow each other in one database are a record; the records are numbered from 1.
    """
    gathered, number = Gathered(), 0
    points: list[tuple[bytes, int]] = []
    owner: tuple[str, str] | None = None

    def flush() -> None:
        nonlocal number, points
        if owner is not None and points:
            number += 1
            times = [time for _, time in points]
            body = b"\n".join(line for line, _ in points) + b"\n"
            record = Record(number, *owner, "n", times[0], body)
            gathered.add([record], len(points), min(times), max(times))
        points = []

    for where, line, time in _points(data):
        if where != owner or len(points) >= _LINES_AT_ONCE:
            flush()
            owner = where
            if gathered.bytes >= chunk_bytes:
                yield gathered
                gathered = Gathered()
        points.append((line, time))
    flush()
    yield gathered


def _points(data: bytes) -> Iterator[tuple[tuple[str, str], bytes, int]]:
    """((database, retention policy), line, time) of each point."""
    lines = _lines(data)
    number = 0
    for database in lines:
        retention_policy, line = next(lines, None), next(lines, None)
        number += 3
        if retention_policy is None or line is None:
            raise BadFile("invalid replay file format, expected another line")
        try:
            key, fields, time = careful.parse(line.lstrip(), 1)
            where = (database.decode(), retention_policy.decode())
        except (careful.LineError, UnicodeDecodeError) as error:
            raise BadFile(f"invalid replay file format, line {number}: {error}") from error
        if time is None:
            raise BadFile(f"invalid replay file format, line {number}: the point has no time")
        yield where, b"%s %s %d" % (key, fields, time), time


def _lines(data: bytes) -> Iterator[bytes]:
    """The file's lines; a line break within a quoted string belongs to the line."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            for raw in file:
                line = raw.rstrip(b"\n")
                while _open(line) and (more := file.readline()):
                    line += b"\n" + more.rstrip(b"\n")
                yield line.rstrip(b"\r")
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"not a recording's file: {error}") from error


def _open(line: bytes) -> bool:
    """Whether a string is begun and not ended in this line."""
    return b'"' in line and len(list(careful.lines(line + b'\n"x'))) == 1
