"""What a recording holds, in the object store: chunks of line protocol or of batches, compressed, and a list of them.

The objects of a recording are named by the sequence of the event that defined it: `<sequence>/list`, and
`<sequence>/0`, `<sequence>/1`, … for the chunks. A chunk is there whole before it is in the list, so that whoever goes
on with a recording that was left begins behind the last chunk listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from typing import Any, Protocol, TypeVar, cast

from isal import igzip_lib, isal_zlib

from services.bus.buckets.objects import Objects
from services.bus.positions import EventsSeq
from services.process.pools import Pool
from services.store import codec

BUCKET = "tickbus-recordings"
T = TypeVar("T")
_threads = Pool("archive", 4)

_DAMAGED = cast("type[Exception]", igzip_lib.IsalError)
_LEVEL = 1  # compresses line protocol to a quarter or less, at 500 MB/s


@dataclass(frozen=True, slots=True)
class RecordedWrite:
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
        """As services.runtime.input.line_protocol_decoder wants it."""
        return self.body

    @property
    def time_ns(self) -> int:
        """As services.runtime.input.line_protocol_decoder wants it."""
        return self.received

    @property
    def headers(self) -> dict[str, str]:
        """As services.runtime.input.line_protocol_decoder wants it."""
        return {"precision": self.precision, "received": str(self.received)}


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is known of a chunk: its bytes and its points.

    seq: the last sequence of WRITES in it, or the number of the query node whose batches it holds.
    first, last: the earliest and the latest time of its points, ns since 1970; 0 where it has none.
    """

    size: int
    points: int
    seq: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The list of a recording's chunks, and how far they go.

    position: everything in WRITES up to there is in them, or is not wanted. Of batches: the last tick (ns) of the query
    node `stream` that is in them whole; `taken` batches of the next one are too. streams: of how many query nodes.
    """

    chunks: tuple[Chunk, ...] = ()
    position: int = 0
    streams: int = 0
    stream: int = 0
    taken: int = 0
    epoch: int = 0

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(chunk.size for chunk in self.chunks)

    @property
    def points(self) -> int:
        """Points in all chunks."""
        return sum(chunk.points for chunk in self.chunks)


class Part(Protocol):
    """A chunk in the making. bytes: about how many it takes in memory. The rest is as in Chunk."""

    bytes: int
    points: int
    first: int
    last: int

    @property
    def seq(self) -> int: ...
    def __len__(self) -> int: ...

    def plain(self) -> Any:
        """What it holds, as plain data."""


@dataclass(slots=True)
class GatheredWrites:
    """Lines on their way into a chunk; a Part."""

    writes: list[RecordedWrite] = field(default_factory=list)
    bytes: int = 0
    points: int = 0
    first: int = 0
    last: int = 0

    @property
    def seq(self) -> int:
        """As Part has it."""
        return self.writes[-1].seq

    def __len__(self) -> int:
        return len(self.writes)

    def plain(self) -> Any:
        """As Part has it."""
        return [astuple(write) for write in self.writes]

    def add(self, writes: Sequence[RecordedWrite], points: int, first: int, last: int) -> None:
        """Add lines; first and last: the earliest and the latest of their times."""
        self.first = min(self.first, first) if self.points else first
        self.last = max(self.last, last) if self.points else last
        self.writes += writes
        self.points += points
        self.bytes += sum(len(write.body) for write in writes)


class Archive:
    """One recording's objects. One at a time adds to it."""

    def __init__(self, objects: Objects, sequence: EventsSeq) -> None:
        self._objects = objects
        self._prefix = f"{sequence}/"

    async def contents(self) -> Contents:
        """The list of chunks; an empty one where there is none yet. Raises BusError, ValueError where it is damaged."""
        data = await self._objects.get(self._prefix + "list")
        if data is None:
            return Contents()
        try:
            plain = codec.unpack(data)
            chunks = tuple(Chunk(*chunk) for chunk in plain.pop("chunks"))
            return Contents(chunks, **plain)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"damaged recording: its list of chunks cannot be read: {error}") from error

    async def add(self, contents: Contents, part: Part) -> Contents:
        """Store a chunk behind those of `contents`; gives the new list. Raises BusError, and the list is as it was.

        contents: how far it goes with this chunk. Nothing gathered: the list alone is renewed.
        """
        if len(part):
            data = await _threads.run(_pack, part)
            await self._objects.put(f"{self._prefix}{len(contents.chunks)}", data)
            chunk = Chunk(len(data), part.points, part.seq, part.first, part.last)
            contents = replace(contents, chunks=(*contents.chunks, chunk))
        listed: Any = {f.name: getattr(contents, f.name) for f in fields(contents)}
        listed["chunks"] = [astuple(chunk) for chunk in contents.chunks]
        await self._objects.put(self._prefix + "list", codec.pack(listed))
        return contents

    async def chunk(self, number: int, unpack: Callable[[Any], T]) -> T:
        """What a chunk holds. Raises BusError, ValueError where it is not there or cannot be read.

        unpack: makes it of plain data, in another thread.
        """
        data = await self._objects.get(f"{self._prefix}{number}")
        if data is None:
            raise ValueError(f"damaged recording: chunk {number} is not in the object store")
        return await _threads.run(_unpack, data, unpack)

    async def read(
        self, contents: Contents, unpack: Callable[[Any], T], numbers: Sequence[int] | None = None
    ) -> AsyncGenerator[tuple[Chunk, T], None]:
        """Chunks (None: all) in order, the next one on its way while one is worked on. Raises as `chunk` does."""
        following = None
        wanted = range(len(contents.chunks)) if numbers is None else numbers
        try:
            for i, number in enumerate(wanted):
                fetching = following or asyncio.create_task(self.chunk(number, unpack))
                more = i + 1 < len(wanted)
                held = await fetching
                following = asyncio.create_task(self.chunk(wanted[i + 1], unpack)) if more else None
                yield contents.chunks[number], held
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def delete(self) -> None:
        """Delete all of it; what is not there is no error, nor what is damaged. Raises BusError."""
        try:
            chunks = (await self.contents()).chunks
        except ValueError:
            await self._objects.purge(self._prefix)
            return
        for number in range(len(chunks) + 1):
            await self._objects.delete(f"{self._prefix}{number}")
        await self._objects.delete(self._prefix + "list")


def recorded_writes(plain: Any) -> list[RecordedWrite]:
    """What a chunk of line protocol holds."""
    return [RecordedWrite(*write) for write in plain]


def _pack(part: Part) -> bytes:
    return isal_zlib.compress(codec.pack(part.plain()), _LEVEL)


def _unpack(data: bytes, unpack: Callable[[Any], T]) -> T:
    try:
        return unpack(codec.unpack(isal_zlib.decompress(data)))
    except (_DAMAGED, TypeError, LookupError) as error:
        raise ValueError(f"damaged recording: {error}") from error
