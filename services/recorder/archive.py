"""What a recording holds, in the object store: chunks of line protocol, compressed, and a list of them.

The objects of a recording are named by the sequence of the event that defined it: `<sequence>/list`, and
`<sequence>/0`, `<sequence>/1`, … for the chunks. A chunk is there whole before it is in the list, so that whoever goes
on with a recording that was left begins behind the last chunk listed.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from services.bus.errors import BusUnavailable
from services.bus.objects import Objects
from services.store import codec

BUCKET = "tickbus-recordings"
_LEVEL = 1  # compresses line protocol to a fifth or less, at 100 MB/s


@dataclass(frozen=True, slots=True)
class Record:
    """Some lines of one message of the log: body in line protocol, received in ns since 1970.

    seq: the message's place in WRITES. precision: of the times in the body, as the message's header says.
    """

    seq: int
    database: str
    retention_policy: str
    precision: str
    received: int
    body: bytes

    @property
    def data(self) -> bytes:
        """As services.engine.intake wants it."""
        return self.body

    @property
    def time_ns(self) -> int:
        """As services.engine.intake wants it."""
        return self.received

    @property
    def headers(self) -> dict[str, str]:
        """As services.engine.intake wants it."""
        return {"precision": self.precision, "received": str(self.received)}


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is known of a chunk: its bytes, its points, and the last sequence of WRITES in it.

    first, last: the earliest and the latest time of its points, ns since 1970.
    """

    size: int
    points: int
    seq: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The list of a recording's chunks. position: everything in WRITES up to there is in them, or is not wanted."""

    chunks: tuple[Chunk, ...] = ()
    position: int = 0

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(chunk.size for chunk in self.chunks)

    @property
    def points(self) -> int:
        """Points in all chunks."""
        return sum(chunk.points for chunk in self.chunks)


@dataclass(slots=True)
class Gathered:
    """A chunk in the making."""

    records: list[Record] = field(default_factory=list)
    bytes: int = 0
    points: int = 0
    first: int = 0
    last: int = 0

    def add(self, records: Sequence[Record], points: int, first: int, last: int) -> None:
        """Add lines; first and last: the earliest and the latest of their times."""
        self.first = min(self.first, first) if self.points else first
        self.last = max(self.last, last) if self.points else last
        self.records += records
        self.points += points
        self.bytes += sum(len(record.body) for record in records)


class Archive:
    """One recording's objects. One at a time adds to it."""

    def __init__(self, objects: Objects, sequence: int) -> None:
        self._objects = objects
        self._prefix = f"{sequence}/"

    async def contents(self) -> Contents:
        """The list of chunks; an empty one where there is none yet. Raises BusError."""
        data = await self._objects.get(self._prefix + "list")
        if data is None:
            return Contents()
        plain = codec.unpack(data)
        return Contents(tuple(Chunk(*chunk) for chunk in plain["chunks"]), plain["position"])

    async def add(self, contents: Contents, gathered: Gathered, position: int) -> Contents:
        """Store a chunk behind those of `contents`; gives the new list. Raises BusError, and the list is as it was.

        position: see Contents. Nothing gathered: the list alone is renewed.
        """
        chunks = contents.chunks
        if gathered.records:
            data = await asyncio.to_thread(_pack, gathered.records)
            await self._objects.put(f"{self._prefix}{len(chunks)}", data)
            seq = gathered.records[-1].seq
            chunks = (*chunks, Chunk(len(data), gathered.points, seq, gathered.first, gathered.last))
        plain: Any = {"chunks": [astuple(chunk) for chunk in chunks], "position": position}
        await self._objects.put(self._prefix + "list", codec.pack(plain))
        return Contents(chunks, position)

    async def chunk(self, number: int) -> list[Record]:
        """What a chunk holds. Raises BusError where it is not there, ValueError where it cannot be read."""
        data = await self._objects.get(f"{self._prefix}{number}")
        if data is None:
            raise BusUnavailable(f"chunk {number} of the recording is not in the object store")
        return await asyncio.to_thread(_unpack, data)

    async def read(self, contents: Contents) -> AsyncIterator[tuple[Chunk, list[Record]]]:
        """All chunks in order, the next one on its way while one is worked on. Raises as `chunk` does."""
        following = None
        try:
            for number, chunk in enumerate(contents.chunks):
                fetching = following or asyncio.create_task(self.chunk(number))
                more = number + 1 < len(contents.chunks)
                records = await fetching
                following = asyncio.create_task(self.chunk(number + 1)) if more else None
                yield chunk, records
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def delete(self) -> None:
        """Delete all of it; what is not there is no error. Raises BusError."""
        for number in range(len((await self.contents()).chunks) + 1):
            await self._objects.delete(f"{self._prefix}{number}")
        await self._objects.delete(self._prefix + "list")


def _pack(records: Sequence[Record]) -> bytes:
    return zlib.compress(codec.pack([astuple(record) for record in records]), _LEVEL)


def _unpack(data: bytes) -> list[Record]:
    try:
        return [Record(*record) for record in codec.unpack(zlib.decompress(data))]
    except (zlib.error, TypeError) as error:
        raise ValueError(f"damaged recording: {error}") from error
