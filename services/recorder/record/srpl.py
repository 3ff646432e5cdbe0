"""Recordings of streams as files of Kapacitor's own form (.srpl).

Gzip; for each point three lines: database, retention policy, and the point in line protocol with its time in ns. What
is of the usual form takes a fast path, many lines at once; the reference parser is right for all, and twenty times
slower.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice

import numpy as np

from services.columns.column import IntArray
from services.lineprotocol import reference_parser
from services.lineprotocol.lines import Payload, decode
from services.recorder.record.archive import GatheredWrites, RecordedWrite

_AT_ONCE = 20_000  # points
_AT_ONCE_BYTES = 16 << 20
_LONGEST = 16 << 20  # bytes of a line; none longer comes by the bus
_MOST_JOINED = 1000
_NO_TIME = 1  # what a point without a time gets; one that has that very time is read by itself
_ZEROS = {"n": b"", "u": b"000", "ms": b"000000", "s": b"000000000"}

Owner = tuple[str, str]  # database, retention policy
Run = tuple[Owner, bytes, IntArray]  # points of one owner that follow each other: a body, and their times in ns


class BadFile(Exception):
    """Not such a file; str() says what is wrong with it."""


def write(writes: Sequence[RecordedWrite]) -> bytes:
    """Writes as a part of a file: the parts of a recording end to end are the file."""
    out: list[bytes] = []
    for one in writes:
        head = f"{one.database}\n{one.retention_policy}\n".encode()
        zeros = _ZEROS.get(one.precision)
        fast = None if zeros is None else _fast_lines(one.body, one.precision)
        if fast is not None and zeros is not None:
            end = zeros + b"\n"
            out += [head + line + end for line in fast[0]]
            continue
        unit = reference_parser.multiplier(one.precision)
        received = one.received // unit * unit
        for line in reference_parser.lines(one.body):
            key, fields, time = reference_parser.parse(line, unit)
            out.append(b"%s%s %s %d\n" % (head, key, fields, received if time is None else time))
    return gzip.compress(b"".join(out), 6, mtime=0)


def read(data: bytes, chunk_bytes: int, most: int) -> Iterator[GatheredWrites]:
    """The points of a file in chunks of about so many bytes. most: bytes that it may unpack to. Raises BadFile.

    Points that follow each other in one database are one write; the writes are numbered from 1.
    """
    gathered = GatheredWrites()
    for number, ((database, retention_policy), body, times) in enumerate(_runs(data, most), 1):
        if gathered.bytes >= chunk_bytes:
            yield gathered
            gathered = GatheredWrites()
        write_of_run = RecordedWrite(number, database, retention_policy, "n", int(times[0]), body)
        gathered.add([write_of_run], len(times), int(times.min()), int(times.max()))
    yield gathered


def _runs(data: bytes, most: int) -> Iterator[Run]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            lines = _lines(file, most)
            while block := _block(lines):
                found = _fast_runs(block)
                if found is None:
                    yield from _reference_runs(chain(block, lines))
                else:
                    yield from found
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"not a recording's file: {error}") from error


def _lines(file: gzip.GzipFile, most: int) -> Iterator[bytes]:
    while line := file.readline(_LONGEST + 1):
        most -= len(line)
        if most < 0:
            raise BadFile("it unpacks to more than the max-import in [storage]")
        if len(line) > _LONGEST:
            raise BadFile(f"invalid replay file format, a line is longer than {_LONGEST} bytes")
        yield line


def _block(lines: Iterator[bytes]) -> list[bytes]:
    """Lines for so many points as are worked on at once; of long lines fewer."""
    block: list[bytes] = []
    size = 0
    while len(block) < 3 * _AT_ONCE and size < _AT_ONCE_BYTES:
        three = list(islice(lines, 3))
        block += three
        size += sum(map(len, three))
        if len(three) < 3:
            break
    return block


def _fast_runs(block: list[bytes]) -> list[Run] | None:
    """The points of whole triples of lines; None where some of them are not of the usual form."""
    if len(block) % 3:
        return None
    owners = list(zip(block[0::3], block[1::3], strict=True))
    lines = block[2::3]
    runs: list[Run] = []
    begin = 0
    for (database, retention_policy), group in groupby(owners):
        end = begin + sum(1 for _ in group)
        fast = _fast_lines(b"".join(lines[begin:end]), "n")
        if fast is None or len(fast[0]) != end - begin:
            return None
        try:
            owner = (database.rstrip(b"\r\n").decode(), retention_policy.rstrip(b"\r\n").decode())
        except UnicodeDecodeError:
            return None
        runs.append((owner, b"\n".join(fast[0]) + b"\n", fast[1]))
        begin = end
    return runs


def _fast_lines(body: bytes, precision: str) -> tuple[list[bytes], IntArray] | None:
    """Lines without what follows their times, and the times in ns, where each line is a point with a time."""
    found, rejected = decode([Payload(body, precision, _NO_TIME)])
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    missing = _NO_TIME // reference_parser.multiplier(precision)
    if rejected or not lines or found.n != len(lines) or (found.time == missing).any():
        return None
    return [line.strip(b" \t\0") for line in lines], np.array(found.time)


def _reference_runs(lines: Iterable[bytes]) -> Iterator[Run]:
    points: list[tuple[bytes, int]] = []
    size = 0
    owner: Owner | None = None
    for where, line, time in _points(_joined(iter(lines))):
        full = len(points) >= _AT_ONCE or size >= _AT_ONCE_BYTES
        if points and owner is not None and (where != owner or full):
            yield _run(owner, points)
            points, size = [], 0
        owner = where
        size += len(line)
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
            key, fields, time = reference_parser.parse(line.lstrip(), 1)
            where = (database.decode(), retention_policy.decode())
        except (reference_parser.LineError, UnicodeDecodeError) as error:
            excerpt = line[:60].decode("utf-8", "replace")
            raise BadFile(f"invalid replay file format, unable to parse '{excerpt}': {error}") from error
        if time is None:
            excerpt = line[:60].decode("utf-8", "replace")
            raise BadFile(f"invalid replay file format, the point '{excerpt}' has no time")
        yield where, b"%s %s %d" % (key, fields, time), time


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines without their ends; a line break within a quoted string belongs to the line."""
    for raw in lines:
        line = raw.rstrip(b"\n")
        joined = 1
        while _open(line) and (more := next(lines, None)) is not None:
            line += b"\n" + more.rstrip(b"\n")
            joined += 1
            if joined > _MOST_JOINED or len(line) > _LONGEST:
                raise BadFile(f"invalid replay file format, a string goes over more than {_MOST_JOINED} lines")
        yield line.rstrip(b"\r")


def _open(line: bytes) -> bool:
    """Whether a string is begun and not ended in this line."""
    return b'"' in line and len(list(reference_parser.lines(line + b'\n"x'))) == 1
