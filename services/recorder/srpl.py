"""Recordings of streams as files of Kapacitor's own form (.srpl).

Gzip; for each point three lines: database, retention policy, and the point in line protocol with its time in ns. What
is of the usual form is read and written many lines at once; one by one is right for all, and twenty times slower.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice

import numpy as np

from services.engine.column import IntArray
from services.engine.lineprotocol import careful
from services.engine.lineprotocol.lines import Payload, decode
from services.recorder.archive import Gathered, Record

_AT_ONCE = 20_000  # points
_NO_TIME = 1  # what a point without a time gets; one that has that very time is read by itself
_ZEROS = {"n": b"", "u": b"000", "ms": b"000000", "s": b"000000000"}

Owner = tuple[str, str]  # database, retention policy
Run = tuple[Owner, bytes, IntArray]  # points of one owner that follow each other: a body, and their times in ns


class BadFile(Exception):
    """Not such a file; str() says what is wrong with it."""


def write(records: Sequence[Record]) -> bytes:
    """Records as a part of a file: the parts of a recording end to end are the file."""
    out: list[bytes] = []
    for record in records:
        head = f"{record.database}\n{record.retention_policy}\n".encode()
        zeros = _ZEROS.get(record.precision)
        usual = None if zeros is None else _usual(record.body, record.precision)
        if usual is not None and zeros is not None:
            end = zeros + b"\n"
            out += [head + line + end for line in usual[0]]
            continue
        unit = careful.multiplier(record.precision)
        received = record.received // unit * unit
        for line in careful.lines(record.body):
            key, fields, time = careful.parse(line, unit)
            out.append(b"%s%s %s %d\n" % (head, key, fields, received if time is None else time))
    return gzip.compress(b"".join(out), 6, mtime=0)


def read(data: bytes, chunk_bytes: int) -> Iterator[Gathered]:
    """The points of a file in chunks of about so many bytes. Raises BadFile.

    Points that follow each other in one database are a record; the records are numbered from 1.
    """
    gathered = Gathered()
    for number, ((database, retention_policy), body, times) in enumerate(_runs(data), 1):
        if gathered.bytes >= chunk_bytes:
            yield gathered
            gathered = Gathered()
        record = Record(number, database, retention_policy, "n", int(times[0]), body)
        gathered.add([record], len(times), int(times.min()), int(times.max()))
    yield gathered


def _runs(data: bytes) -> Iterator[Run]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while block := list(islice(file, 3 * _AT_ONCE)):
                found = _usual_runs(block)
                if found is None:
                    yield from _careful_runs(chain(block, file))
                else:
                    yield from found
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"not a recording's file: {error}") from error


def _usual_runs(block: list[bytes]) -> list[Run] | None:
    """The points of whole triples of lines; None where some of them are not of the usual form."""
    if len(block) % 3:
        return None
    owners = list(zip(block[0::3], block[1::3], strict=True))
    lines = block[2::3]
    runs: list[Run] = []
    begin = 0
    for (database, retention_policy), group in groupby(owners):
        end = begin + sum(1 for _ in group)
        usual = _usual(b"".join(lines[begin:end]), "n")
        if usual is None or len(usual[0]) != end - begin:
            return None
        try:
            owner = (database.rstrip(b"\r\n").decode(), retention_policy.rstrip(b"\r\n").decode())
        except UnicodeDecodeError:
            return None
        runs.append((owner, b"\n".join(usual[0]) + b"\n", usual[1]))
        begin = end
    return runs


def _usual(body: bytes, precision: str) -> tuple[list[bytes], IntArray] | None:
    """Lines without what follows their times, and the times in ns, where each line is a point with a time."""
    found, rejected = decode([Payload(body, precision, _NO_TIME)])
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    missing = _NO_TIME // careful.multiplier(precision)
    if rejected or not lines or found.n != len(lines) or (found.time == missing).any():
        return None
    return [line.strip(b" \t\0") for line in lines], np.array(found.time)


def _careful_runs(lines: Iterable[bytes]) -> Iterator[Run]:
    points: list[tuple[bytes, int]] = []
    owner: Owner | None = None
    for where, line, time in _points(_joined(iter(lines))):
        if points and owner is not None and (where != owner or len(points) >= _AT_ONCE):
            yield _run(owner, points)
            points = []
        owner = where
        points.append((line, time))
    if points and owner is not None:
        yield _run(owner, points)


def _run(owner: Owner, points: list[tuple[bytes, int]]) -> Run:
    body = b"\n".join(line for line, _ in points) + b"\n"
    return owner, body, np.array([time for _, time in points], dtype=np.int64)


def _points(lines: Iterator[bytes]) -> Iterator[tuple[Owner, bytes, int]]:
    """Owner, line and time of each point."""
    for database in lines:
        retention_policy, line = next(lines, None), next(lines, None)
        if retention_policy is None or line is None:
            raise BadFile("invalid replay file format, expected another line")
        try:
            key, fields, time = careful.parse(line.lstrip(), 1)
            where = (database.decode(), retention_policy.decode())
        except (careful.LineError, UnicodeDecodeError) as error:
            shown = line[:60].decode("utf-8", "replace")
            raise BadFile(f"invalid replay file format, unable to parse '{shown}': {error}") from error
        if time is None:
            shown = line[:60].decode("utf-8", "replace")
            raise BadFile(f"invalid replay file format, the point '{shown}' has no time")
        yield where, b"%s %s %d" % (key, fields, time), time


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines without their ends; a line break within a quoted string belongs to the line."""
    for raw in lines:
        line = raw.rstrip(b"\n")
        while _open(line) and (more := next(lines, None)) is not None:
            line += b"\n" + more.rstrip(b"\n")
        yield line.rstrip(b"\r")


def _open(line: bytes) -> bool:
    """Whether a string is begun and not ended in this line."""
    return b'"' in line and len(list(careful.lines(line + b'\n"x'))) == 1
