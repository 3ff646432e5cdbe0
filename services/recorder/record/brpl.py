"""Recordings of batches as files of Kapacitor's own form (.brpl).

A zip of one file a query node, named 0, 1, …; as in Kapacitor's, the script's last query node is the first file. In it
one JSON object for each batch, written as a line each: name, tmax, group, byname, tags, and points with fields, tags
and time.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import orjson

from grammar.golang.json_writer import encode
from grammar.golang.times import ZERO_TIME, format_rfc3339, parse_rfc3339
from services.columns.column import column_of
from services.columns.frame import Batches
from services.columns.groups.series import SeriesTable, Tags
from services.connectors.influxdb_results import NO_TIME, Batch
from services.recorder.record.batches import GatheredBatches
from services.recorder.record.srpl import BadFile

_EARLIEST, _LATEST = -(2**63) + 1, 2**63 - 1
_MOST_BYTES = 32 << 20  # of one batch
_MOST_FILES = 1000  # one for each query node
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


def write(runs: Sequence[Batches], table: SeriesTable) -> bytes:
    """Batches as lines of a query node's file: the parts of a recording end to end are the file."""
    return b"".join(encode(batch) + b"\n" for run in runs for batch in _plain(run, table))


def streams(data: bytes) -> int:
    """Of how many query nodes a file is. Raises BadFile."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            count = len(archive.infolist())
            if count > _MOST_FILES:
                raise BadFile(f"the zip file holds more than {_MOST_FILES} files")
            return count
    except zipfile.BadZipFile as error:
        raise BadFile(f"not a recording's file: {error}") from error


def read(data: bytes, chunk_bytes: int, most: int) -> Iterator[GatheredBatches]:
    """The batches of a file in chunks of about so many bytes, query node after query node.

    most: bytes that it may unpack to. Raises BadFile.
    """
    budget = _Budget(most)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for stream, info in enumerate(reversed(archive.infolist())):
                gathered = GatheredBatches(stream)
                with archive.open(info) as file:
                    for batch in _batches(file, info.filename, budget):
                        gathered.add(batch)
                        if gathered.bytes >= chunk_bytes:
                            yield gathered
                            gathered = GatheredBatches(stream)
                yield gathered
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # the last two: a compression or an encryption that is not known
        raise BadFile(f"not a recording's file: {error}") from error


class _Budget:
    """What a file may still unpack to."""

    def __init__(self, most: int) -> None:
        self._left = most

    def line(self, file: IO[bytes]) -> bytes:
        """The next line, as far as it is not too long. Raises BadFile."""
        line = file.readline(_MOST_BYTES + 1)
        self._left -= len(line)
        if self._left < 0:
            raise BadFile("it unpacks to more than the max-import in [storage]")
        return line


def _batches(file: IO[bytes], name: str, budget: _Budget) -> Iterator[Batch]:
    """The batches of one query node. Raises BadFile that names the place."""
    number = 0
    while line := budget.line(file):
        number += 1
        begin = number
        if len(line) > _MOST_BYTES:
            raise BadFile(f"invalid replay file format, line {number} of {name}: longer than {_MOST_BYTES} bytes")
        try:
            plain = [orjson.loads(line)] if line.strip() else []
        except ValueError:
            # an object over several lines, or several in one
            whole, deep = [line], _depth(line)
            size = len(line)
            while deep > 0 and size <= _MOST_BYTES and (line := budget.line(file)):
                number += 1
                whole.append(line)
                size += len(line)
                deep += _depth(line)
            if size > _MOST_BYTES:
                raise BadFile(
                    f"invalid replay file format, line {begin} of {name}: longer than {_MOST_BYTES} bytes"
                ) from None
            plain = _objects(b"".join(whole), name, begin)
        for one in plain:
            yield _read(one, name, begin)


def _depth(line: bytes) -> int:
    """How many more objects a line opens than it closes; no string goes over a line."""
    bare = _TEXT.sub(b"", line)
    return bare.count(b"{") - bare.count(b"}")


def _objects(whole: bytes, name: str, number: int) -> list[Any]:
    """JSON objects behind each other. Raises BadFile."""
    found, at = [], 0
    try:
        text = whole.decode().lstrip()
        while at < len(text):
            begin = at
            _, at = _DECODER.raw_decode(text, begin)
            found.append(orjson.loads(text[begin:at]))
            at += len(_SPACE.match(text, at)[0])  # type: ignore[index]
    except RecursionError:
        raise BadFile(f"invalid replay file format, line {number} of {name}: nested too deeply") from None
    except ValueError as error:
        raise BadFile(f"invalid replay file format, line {number} of {name}: {error}") from error
    return found


def _plain(run: Batches, table: SeriesTable) -> Iterator[dict[str, Any]]:
    fields = run.points.rows()
    times, series = run.points.time.tolist(), run.points.series.tolist()
    tags = {number: dict(table.series(number).tags) or None for number in set(series)}
    offsets = run.offsets.tolist()
    for i, name in enumerate(run.names):
        group = table.group(int(run.group[i]))
        rows = range(offsets[i], offsets[i + 1])
        batch = {
            "name": name,
            "tmax": _time(int(run.tmax[i])),
            "group": group.id,
            "byname": group.by_name,
            "tags": dict(group.tags),
            "points": [{"fields": fields[r], "tags": tags[series[r]], "time": _time(times[r])} for r in rows],
        }
        yield {key: value for key, value in batch.items() if value}


def _read(plain: Any, file: str, number: int) -> Batch:
    """One batch. Raises BadFile that names the place."""
    try:
        return _batch(plain)
    except (ValueError, TypeError, KeyError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadFile(f"invalid replay file format, line {number} of {file}: {what}") from error


def _batch(plain: Any) -> Batch:
    given = _object(plain, "a batch")
    tags = _tags(given.get("tags"))
    points = [_object(point, "a point") for point in given.get("points") or ()]
    rows = [_object(point["fields"], "fields") for point in points]
    names = sorted({name for row in rows for name in row})
    columns = {name: column_of([_value(name, row.get(name)) for row in rows]) for name in names}
    own = [_tags(point.get("tags")) or tags for point in points]
    name, by_name = given.get("name", ""), given.get("byname", False)
    if type(name) is not str or type(by_name) is not bool:
        raise ValueError("name has to be a string, byname true or false")
    return Batch(
        name,
        tags,
        by_name,
        NO_TIME if given.get("tmax", ZERO_TIME) == ZERO_TIME else _nanoseconds(given["tmax"]),
        np.array([_nanoseconds(point["time"]) for point in points], dtype=np.int64),
        {name: column for name, column in columns.items() if column.mask().any()},
        own if any(tags_ != tags for tags_ in own) else None,
    )


def _object(plain: Any, what: str) -> dict[str, Any]:
    if type(plain) is not dict:
        raise ValueError(f"{what} has to be an object")
    return plain


def _tags(plain: Any) -> Tags:
    tags = _object({} if plain is None else plain, "tags")
    if not all(type(value) is str for value in tags.values()):
        raise ValueError("a tag's value has to be a string")
    return tuple(sorted(tags.items()))


def _value(name: str, value: Any) -> float | str | bool | None:
    """A field's value; all numbers are floats."""
    if type(value) is int:
        return float(value)
    if value is None or type(value) in (float, str, bool):
        return value  # type: ignore[no-any-return]
    raise ValueError(f"the field {name} is no number, string or boolean")


def _time(ns: int) -> str:
    return ZERO_TIME if ns == NO_TIME else format_rfc3339(ns)


def _nanoseconds(text: Any) -> int:
    if type(text) is not str:
        raise ValueError("a time has to be a string")
    time = parse_rfc3339(text)
    if not _EARLIEST <= time <= _LATEST:
        raise ValueError(f"a time out of range: {text}")
    return time
