"""Snapshots of running state: what a task's nodes hold at a log position."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.process import log
from services.store import codec
from services.store.store import Store

_log = log.get("store")

_DIGEST_BYTES = 16
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State as bytes (see codec), the log position at which it was taken, and what else is to be known of it.

    meta: JSON-like values, such as a hash of the script that the state belongs to.
    """

    position: int
    state: bytes
    meta: dict[str, Any] = field(default_factory=dict)


class Snapshots:
    """The snapshots in one bucket of a store. Only whole ones come back: each carries a checksum over all of it."""

    def __init__(self, store: Store, bucket: str = "snapshots") -> None:
        self._store = store
        self._bucket = bucket

    def save(self, key: str, position: int, state: bytes, meta: dict[str, Any] | None = None) -> None:
        """Keep one snapshot in place of the one before. StoreError where there is no room; the old one then stays."""
        self.save_all([(key, Snapshot(position, state, meta or {}))])

    def save_all(self, snapshots: Iterable[tuple[str, Snapshot]]) -> None:
        """Keep many in one transaction: all or none."""
        with self._store.write() as tx:
            for key, snapshot in snapshots:
                tx.put(self._bucket, key, to_bytes(snapshot))

    def load(self, key: str) -> Snapshot | None:
        """A snapshot, None where there is none that is whole. One that is not is logged and dropped."""
        data = self._store.get(self._bucket, key)
        if data is None:
            return None
        try:
            return from_bytes(data)
        except ValueError as error:
            _log.warn("a snapshot is not whole and was dropped", file=self._store.path, key=key, err=error)
            self.drop(key)
            return None

    def drop(self, *keys: str) -> None:
        """Forget snapshots; one that is not there is no error."""
        with self._store.write() as tx:
            for key in keys:
                tx.delete(self._bucket, key)

    def keys(self) -> list[str]:
        """The keys of all snapshots, in the order of their bytes."""
        with self._store.read() as tx:
            return [key.decode("utf-8", "surrogatepass") for key in tx.keys(self._bucket)]


def to_bytes(snapshot: Snapshot) -> bytes:
    """A snapshot as one value with a checksum, for a store or to be sent to another machine."""
    head = codec.pack([snapshot.position, snapshot.meta])
    body = b"".join([len(head).to_bytes(_LENGTH_BYTES, "big"), head, snapshot.state])
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() + body


def from_bytes(data: bytes) -> Snapshot:
    """The snapshot again. ValueError where it is not whole."""
    digest, body = data[:_DIGEST_BYTES], memoryview(data)[_DIGEST_BYTES:]
    if hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        raise ValueError("the checksum is wrong")
    end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    position, meta = codec.unpack(body[_LENGTH_BYTES:end])
    return Snapshot(position, bytes(body[end:]), meta)
