"""What jobs have found, kept as lines of JSON in the object store and read page by page.

The objects of a job are named by the sequence of the event that defined it: `<sequence>/list`, and for compressed
chunks of lines `<sequence>/<mark>/0`, `…/1`, … Who writes has a mark of its own: of a job that is begun anew by another
recorder only the lines of the later one are found.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.bus.buckets.objects import Damaged, Objects
from services.bus.connection import Bus
from services.bus.positions import EventsSeq
from services.process.pools import Pool

BUCKET = "tickbus-results"

MOST_BYTES = 128 << 20
"""How much JSON is kept of one job, unless its writer is told otherwise."""
MOST_ROWS, _PAGE_BYTES = 10_000, 1 << 20  # of one page: gateways read it in one go

_CHUNK_BYTES = 1 << 20
_SHOW_SECONDS = 2.0  # after which what has been added can be read, though the chunk is not full
_LEVEL = 1
_TURN_ROWS = 500  # that are made and written without a break
_threads = Pool("results", 2)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, one after the other: each plain data.

    next: the number of the row behind them. count: how many rows there are by now. left_out: how many more were found,
    for which there was no room.
    """

    rows: list[Any]
    next: int
    count: int
    left_out: int


@dataclass(slots=True)
class _Listed:
    """The list of a job's chunks. rows: of each chunk."""

    mark: str = ""
    rows: list[int] = field(default_factory=list)
    left_out: int = 0


class Results:
    """What is kept of all jobs."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @classmethod
    async def open(cls, bus: Bus, replicas: int = 1) -> Results:
        """The store, created where it is not there. Raises BusError."""
        return cls(await bus.objects(BUCKET, replicas))

    async def writer(self, job: EventsSeq, most_bytes: int = MOST_BYTES) -> ResultWriter:
        """Write what a job finds, from its beginning: what was kept of it before is dropped. Raises BusError.

        job: the sequence of the event that defined it. most_bytes: of JSON, what is beyond is counted and left out.
        """
        await self.delete(job)
        writer = ResultWriter(self._objects, job, most_bytes)
        await writer.flush()
        return writer

    async def read(self, job: EventsSeq, offset: int = 0, limit: int = 100) -> Page:
        """Rows from a number on, at most so many, fewer where they are large. None of a job of which nothing is kept.

        Raises BusError, ValueError where what is kept is damaged.
        """
        listed = await _listed(self._objects, job)
        count = sum(listed.rows)
        rows: list[bytes] = []
        size = 0
        async for line in self._from(job, listed, offset):
            if len(rows) >= min(limit, MOST_ROWS) or (rows and size + len(line) > _PAGE_BYTES):
                break
            rows.append(line)
            size += len(line)
        return Page([orjson.loads(row) for row in rows], offset + len(rows), count, listed.left_out)

    async def _from(self, job: EventsSeq, listed: _Listed, offset: int) -> AsyncIterator[bytes]:
        """The lines from a number on. Raises as `read` does."""
        first = 0
        for number, held in enumerate(listed.rows):
            if offset < first + held:
                data = await self._objects.get(_name(job, listed.mark, number))
                if data is None:
                    raise ValueError(f"damaged results: chunk {number} is not in the object store")
                # a chunk that is not full is stored again as it grows, before the list says so
                for line in (await _threads.run(_lines, data))[max(offset - first, 0) : held]:
                    yield line
            first += held

    async def delete(self, job: EventsSeq) -> None:
        """Delete what is kept of a job; nothing is no error. Raises BusError."""
        await self._objects.purge(f"{job}/")

    async def sweep(self, known: Iterable[EventsSeq], until: EventsSeq) -> None:
        """Delete what is kept of jobs that are no more: of those defined up to a place in EVENTS all but the known.

        Raises BusError.
        """
        there = set(known)
        owners = {info.name.partition("/")[0] for info in await self._objects.list()}
        for owner in owners:
            if not owner.isdigit() or (int(owner) <= until and int(owner) not in there):
                await self._objects.purge(f"{owner}/")


class ResultWriter:
    """Adds rows behind each other. What was added can be read some seconds later, all of it once it is flushed.

    count: rows that are kept. left_out: those for which there was no room.
    """

    def __init__(self, objects: Objects, job: EventsSeq, most_bytes: int) -> None:
        self.count = 0
        self._objects, self._job = objects, job
        self._left, self._half = most_bytes, most_bytes // 2
        self._full: set[bool] = set()  # whether of minor ones, or others: of those no more are kept
        self._unshown = False
        self._listed = _Listed(secrets.token_hex(6))
        self._chunk: list[bytes] = []  # the last one, which may be stored already, and is stored again as it grows
        self._bytes = 0
        self._flushed = time.monotonic()

    @property
    def left_out(self) -> int:
        """How many rows there was no room for."""
        return self._listed.left_out

    @property
    def half_full(self) -> bool:
        """Whether there is no room for minor rows any more."""
        return True in self._full

    def leave_out(self, count: int) -> None:
        """Count rows that were not even made, for want of room."""
        self._listed.left_out += count

    async def add(self, rows: Iterable[Mapping[str, Any]], *, minor: bool = False) -> None:
        """Rows of plain data, as JSON has them; others have their turn meanwhile. Raises BusError.

        minor: they leave half of the room for others.
        """
        for number, row in enumerate(rows, 1):
            if not number % _TURN_ROWS:
                await asyncio.sleep(0)
            self._unshown = True
            line = _encoded(row)
            if minor in self._full or len(line) > self._left - (self._half if minor else 0):
                self._full.add(minor)
                self._listed.left_out += 1
                continue
            self._left -= len(line)
            self._chunk.append(line)
            self._bytes += len(line)
            self.count += 1
            if self._bytes >= _CHUNK_BYTES:
                await self.flush()
        await self.show()

    async def show(self) -> None:
        """Store what has been added, if that was some seconds ago. Raises BusError."""
        if self._unshown and time.monotonic() - self._flushed > _SHOW_SECONDS:
            await self.flush()

    async def flush(self) -> None:
        """Store what has been added. Raises BusError."""
        listed, held = self._listed, sum(self._listed.rows)
        if self.count > held:
            before = self.count - len(self._chunk)  # in the chunks that are full
            number = len(listed.rows) - (held > before)
            data = await _threads.run(zlib.compress, b"\n".join(self._chunk), _LEVEL)
            await self._objects.put(_name(self._job, listed.mark, number), data)
            listed.rows[number:] = [len(self._chunk)]
            if self._bytes >= _CHUNK_BYTES:
                self._chunk, self._bytes = [], 0
        self._unshown = False
        plain = {"mark": listed.mark, "rows": listed.rows, "left_out": listed.left_out}
        await self._objects.put(f"{self._job}/list", orjson.dumps(plain))
        self._flushed = time.monotonic()


async def _listed(objects: Objects, job: EventsSeq) -> _Listed:
    """Raises BusError, ValueError where it is damaged."""
    data = await objects.get(f"{job}/list")
    if data is None:
        return _Listed()
    try:
        return _Listed(**orjson.loads(data))
    except (ValueError, TypeError) as error:
        raise Damaged(f"damaged results: the list of chunks cannot be read: {error}") from error


def _name(job: EventsSeq, mark: str, number: int) -> str:
    return f"{job}/{mark}/{number}"


def _lines(data: bytes) -> list[bytes]:
    try:
        return zlib.decompress(data).split(b"\n")
    except zlib.error as error:
        raise ValueError(f"damaged results: {error}") from error


def _encoded(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # a text that is no UTF-8, a number of more than 64 bits
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
