"""Chunks of states in a store, by their content: each is there once, and for as long as something names it.

What names them is counted here in memory: chunks that nothing names, such as those that were stored for a snapshot
which then was not, are deleted by the next `sweep`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from services.store.state_chunks import StateChunk, digest_of
from services.store.store import Store

_WRITE_BYTES = 1 << 20  # bytes that are written at once: others wait as long for the store
_DELETED_AT_ONCE = 1000
_SPELL_SECONDS = 0.002  # seconds of work after which others are let have the interpreter for as long


class Stopped(Exception):
    """No more chunks are to be kept."""


class ChunkStore:
    """The chunks in one bucket. For one thread at a time, but for `stop` and `hurried`."""

    def __init__(self, store: Store, bucket: str = "pieces") -> None:
        self._store, self._bucket = store, bucket
        with store.read() as tx:
            self._there = set(tx.keys(bucket))
        self._unnamed = set(self._there)
        self._named: Counter[bytes] = Counter()
        self._waiting: dict[bytes, bytes] = {}
        self._bytes = 0
        self._since = 0.0
        self.hurried = 0
        """How many wait for what is being kept: while some do, no rests are taken."""
        self._stopped = False

    def has(self, digest: bytes) -> bool:
        """Whether a chunk is there."""
        return digest in self._there or digest in self._waiting

    def keep(self, chunk: StateChunk) -> bytes:
        """Have a chunk kept, unless it is, by the next `flush` at the latest; gives its digest."""
        if chunk.digest is not None and self.has(chunk.digest):
            return chunk.digest
        self._rest()
        data = chunk.make()
        digest = chunk.digest = digest_of(data)
        if not self.has(digest):
            self._waiting[digest] = bytes(data)
            self._bytes += len(data)
            if self._bytes >= _WRITE_BYTES:
                self.flush()
        return digest

    def flush(self) -> None:
        """Write what waits. StoreError where there is no room; it is forgotten then."""
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        if waiting:
            with self._store.write() as tx:
                for digest, data in waiting.items():
                    tx.put(self._bucket, digest, data)
            self._there.update(waiting)
            self._unnamed.update(waiting)

    def get(self, digest: bytes) -> bytes:
        """A chunk. ValueError where it is not there."""
        data = self._store.get(self._bucket, digest)
        if data is None:
            raise ValueError(f"a chunk is missing: {digest.hex()}")
        return data

    def name(self, digests: Iterable[bytes]) -> None:
        """Something names these chunks."""
        for digest in digests:
            self._named[digest] += 1
            self._unnamed.discard(digest)

    def unname(self, digests: Iterable[bytes]) -> None:
        """It does not any more."""
        for digest in digests:
            self._named[digest] -= 1
            if self._named[digest] <= 0:
                del self._named[digest]
                if digest in self._there:
                    self._unnamed.add(digest)

    def sweep(self) -> None:
        """Delete what nothing names. StoreError where that fails; it can be tried again."""
        while self._unnamed:
            some = [self._unnamed.pop() for _ in range(min(_DELETED_AT_ONCE, len(self._unnamed)))]
            try:
                with self._store.write() as tx:
                    for digest in some:
                        tx.delete(self._bucket, digest)
            except BaseException:
                self._unnamed.update(some)
                raise
            self._there.difference_update(some)

    def stop(self) -> None:
        """Whoever keeps chunks in another thread is to end."""
        self._stopped = True

    def _rest(self) -> None:
        """Between two chunks: let other threads have the interpreter as long as it was had here."""
        if self._stopped:
            raise Stopped
        now = time.monotonic()
        worked = now - self._since
        if worked >= _SPELL_SECONDS:
            if not self.hurried and worked < 1.0:
                time.sleep(worked)
            self._since = time.monotonic()
