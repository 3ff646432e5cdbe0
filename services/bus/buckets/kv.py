"""Key-value buckets of JetStream: small values with revisions, compare-and-set, expiry and watching.

Buckets have the layout that NATS's own tools use (`nats kv ls`), and values put there by others are read.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from services.bus.account.ensure import ensure_stream
from services.bus.account.shapes import Shape
from services.bus.errors import BusUnavailable, WrongSequence
from services.bus.follow import MAX_BYTES, MAX_MESSAGES, Follower, StoredMessage, stored
from services.bus.publish import Publisher
from services.bus.streams import last_message
from services.bus.transport.link import Link

_KEY = re.compile(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*")
_OPERATION = "KV-Operation"
_MARKER = "Nats-Marker-Reason"
_DELETED_TTL = "3600s"  # whoever watches hears of a deletion at once, or when its connection is back


class Entry(NamedTuple):
    """One state of a key. deleted: the key was deleted or has expired, the value is then empty."""

    key: str
    value: bytes
    revision: int
    time_ns: int
    deleted: bool


class Bucket:
    """One bucket. Keys are words of letters, digits, `-`, `_`, `/` and `=`, divided by dots: see subjects.escape."""

    def __init__(self, link: Link, publisher: Publisher, name: str) -> None:
        self._link = link
        self._publisher = publisher
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    @classmethod
    async def open(cls, link: Link, publisher: Publisher, name: str, shape: Shape) -> Bucket:
        """Create the bucket where it is not there. Of each key only the present state is kept."""
        await ensure_stream(link, shape)
        return cls(link, publisher, name)

    async def get(self, key: str) -> Entry | None:
        """The key's present value, None where it has none."""
        entry = await self._last(key)
        return None if entry is None or entry.deleted else entry

    async def put(self, key: str, value: bytes) -> int:
        """Set the key whatever it was; returns the revision."""
        return (await self._publisher.publish(self._subject(key), value)).seq

    async def create(self, key: str, value: bytes) -> int:
        """Set the key if it has no value; returns the revision. WrongSequence where it has one."""
        try:
            return await self.update(key, value, 0)
        except WrongSequence:
            entry = await self._last(key)
            if entry is None or not entry.deleted:
                raise
            return await self.update(key, value, entry.revision)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Set the key if `revision` is its present one; returns the new revision, else WrongSequence."""
        return (await self._publisher.publish(self._subject(key), value, expect_last=revision)).seq

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Delete the key; with a revision only if that is its present one, else WrongSequence."""
        headers = {_OPERATION: "PURGE", "Nats-Rollup": "sub", "Nats-TTL": _DELETED_TTL}
        await self._publisher.publish(self._subject(key), b"", headers, expect_last=revision)

    async def entries(self, keys: str = ">") -> list[Entry]:
        """The present values of all keys that match a subject pattern."""
        found = await stored(self._link, self._stream, self._prefix + keys)
        latest = {entry.key: entry for entry in map(self._entry, found)}
        return [entry for entry in latest.values() if not entry.deleted]

    async def watch(self, keys: str = ">") -> AsyncIterator[Entry]:
        """The present state of every matching key, then each change, deletions and expiries too; ends with the bus."""
        subject = self._prefix + keys
        async with Follower(self._link, self._stream, [subject], 0, MAX_MESSAGES, MAX_BYTES) as follower:
            while True:
                try:
                    messages = await follower.batch()
                except BusUnavailable:
                    return
                for message in messages:
                    yield self._entry(message)

    async def _last(self, key: str) -> Entry | None:
        message = await last_message(self._link, self._subject(key), self._stream)
        return None if message is None else self._entry(message)

    def _entry(self, message: StoredMessage) -> Entry:
        headers = message.headers or {}
        deleted = _MARKER in headers or headers.get(_OPERATION) in ("DEL", "PURGE")
        key = message.subject[len(self._prefix) :]
        return Entry(key, message.data, message.seq, message.time_ns, deleted)

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key: {key!r}")
        return self._prefix + key
