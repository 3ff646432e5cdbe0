"""Chunks of objects, kept by their content beside an object store: what does not change need not be sent again.

They lie in the store's own stream, so that a copy of it holds both. Whoever puts chunks does so under a mark of its
own, and takes away nothing that is another's without knowing that nobody needs it.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.bus.follow import stored
from services.bus.publish import Publisher
from services.bus.streams import delete_message, last_message, subjects_of
from services.bus.transport.link import Link

_ROOM_FOR_HEADERS = 1024
_PARTS = "parts"  # the header of how many messages a chunk is, where it is more than one


class ChunkBucket:
    """The chunks beside one object store. of, mark: subject tokens (see subjects.escape)."""

    def __init__(self, link: Link, publisher: Publisher, bucket: str) -> None:
        self._link, self._publisher = link, publisher
        self._stream, self._prefix = f"OBJ_{bucket}", f"$O.{bucket}.C"

    async def put(self, of: str, mark: str, digest: bytes, data: bytes) -> list[int]:
        """Store one chunk; gives what to `delete` it by. BusError where that fails."""
        step = max(1, self._link.max_payload - _ROOM_FOR_HEADERS)
        subject = self._subject(of, mark, digest)
        starts = range(0, len(data), step)
        headers = {_PARTS: str(len(starts))} if len(starts) > 1 else None
        return [
            (await self._publisher.publish(f"{subject}.{number}", data[at : at + step], headers)).seq
            for number, at in enumerate(starts)
        ]

    async def one(self, of: str, mark: str, digest: bytes) -> bytes | None:
        """One chunk, None where it is not (wholly) there. BusError."""
        subject = self._subject(of, mark, digest)
        parts: list[bytes] = []
        count = 1
        while len(parts) < count:
            message = await last_message(self._link, f"{subject}.{len(parts)}", self._stream)
            if message is None:
                return None
            count = int((message.headers or {}).get(_PARTS, "1"))
            parts.append(message.data)
        return b"".join(parts)

    async def get(self, of: str, mark: str) -> dict[bytes, bytes]:
        """All chunks under a mark, by digest."""
        messages = await stored(self._link, self._stream, f"{self._prefix}.{of}.{mark}.>")
        parts: dict[str, dict[int, bytes]] = {}
        for message in messages:
            *_, digest, number = message.subject.split(".")
            parts.setdefault(digest, {})[int(number)] = message.data
        return {bytes.fromhex(digest): b"".join(found[n] for n in sorted(found)) for digest, found in parts.items()}

    async def marks(self, of: str = "*") -> dict[str, set[str]]:
        """Under which marks there are chunks, by what they are of."""
        found: dict[str, set[str]] = {}
        for subject in await subjects_of(self._link, self._stream, f"{self._prefix}.{of}.*.*.*"):
            one, mark = subject.removeprefix(self._prefix + ".").split(".")[:2]
            found.setdefault(one, set()).add(mark)
        return found

    async def digests(self, of: str = "*") -> dict[str, set[tuple[str, bytes]]]:
        """The marks and digests of all chunks that there are, by what they are of."""
        found: dict[str, set[tuple[str, bytes]]] = {}
        for subject in await subjects_of(self._link, self._stream, f"{self._prefix}.{of}.*.*.*"):
            one, mark, digest, _ = subject.rsplit(".", 4)[-4:]
            found.setdefault(one, set()).add((mark, bytes.fromhex(digest)))
        return found

    async def delete(self, sequences: Iterable[int]) -> None:
        """Delete what was `put`; what is not there is no error."""
        for seq in sequences:
            await delete_message(self._link, self._stream, seq)

    async def drop(self, of: str, mark: str = "*", digest: bytes | None = None) -> None:
        """Delete one chunk under a mark, all of them, or all there are of something."""
        which = f"{self._prefix}.{of}.{mark}.>" if digest is None else f"{self._subject(of, mark, digest)}.>"
        await self._link.api(f"STREAM.PURGE.{self._stream}", {"filter": which})

    def _subject(self, of: str, mark: str, digest: bytes) -> str:
        return f"{self._prefix}.{of}.{mark}.{digest.hex()}"
