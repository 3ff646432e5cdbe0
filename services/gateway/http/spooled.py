"""Putting a long answer together in a file first, for clients that want to know its length beforehand."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from services.process.pools import Pool
from services.store.disk_room import room_in

_READ_BYTES = 1 << 20
_threads = Pool("spooled", 4)


async def spooled(
    chunks: AsyncIterator[bytes], directory: Path, keep_free: int
) -> tuple[AsyncIterator[bytes], int | None]:
    """The same bytes once they are all there, and how many they are. Raises what `chunks` raises.

    None where the disk of `directory` would have less than `keep_free` bytes left (see services.store.disk_room): they
    are then handed on as they come.
    """
    file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
    size = 0
    try:
        async for chunk in chunks:
            size += await _threads.run(file.write, chunk)
            if room_in(directory, keep_free).short:
                return _read(file, chunks), None
    except BaseException:
        file.close()
        raise
    return _read(file, chunks), size


async def _read(file: BinaryIO, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What is in the file, and what has not come yet."""
    with file:
        file.seek(0)
        while data := await _threads.run(file.read, _READ_BYTES):
            yield data
    async for chunk in rest:
        yield chunk
