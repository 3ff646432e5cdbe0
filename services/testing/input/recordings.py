"""Files that a test names as its input: line protocol, or what was recorded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from services.connectors.influxdb_results import NO_TIME
from services.recorder.record import brpl, srpl
from services.recorder.record.archive import RecordedWrite
from services.recorder.record.batches import GatheredBatches
from services.recorder.record.srpl import BadFile
from services.testing.input.lines import first_time

_CHUNK, _MOST = 16 << 20, 1 << 30  # bytes of a recording
_GZIP = b"\x1f\x8b"
_BATCHES = (".brpl", ".zip", ".jsonl")


def is_stream(path: Path, data: bytes) -> bool:
    """Whether a file holds a recorded stream."""
    return path.suffix == ".srpl" or data.startswith(_GZIP)


def is_batches(path: Path) -> bool:
    """Whether a file holds recorded batches."""
    return path.suffix in _BATCHES


def writes_of(data: bytes) -> Iterator[RecordedWrite]:
    """The writes of a recorded stream. Raises BadFile."""
    for gathered in srpl.read(data, _CHUNK, _MOST):
        yield from gathered.writes


def queries_of(path: Path, data: bytes) -> tuple[int, Iterator[GatheredBatches]]:
    """Of how many queries a file's batches are, and those batches; of .jsonl a batch a line, of one. Raises BadFile."""
    if path.suffix == ".jsonl":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("0", data)
        data = out.getvalue()
    return brpl.streams(data), brpl.read(data, _CHUNK, _MOST)


def first_time_of(path: Path, precision: str) -> int | None:
    """The first time by the calendar in a file, ns; None where it has none, or cannot be read."""
    try:
        data = path.read_bytes()
        if is_stream(path, data):
            return next((write.received for write in writes_of(data)), None)
        if is_batches(path):
            times = [batch.tmax for gathered in queries_of(path, data)[1] for batch in gathered.batches]
            return min((time for time in times if time != NO_TIME), default=None)
        return first_time(data.decode("utf-8", "replace"), precision)
    except (OSError, BadFile):
        return None
