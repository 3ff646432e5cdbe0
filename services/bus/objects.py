"""Object stores of JetStream: values of any size under a name, for snapshots and recordings.

Stores have the layout that NATS's own tools use (`nats object ls`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.bus.errors import BusError, BusUnavailable
from services.bus.follow import Message, stored
from services.bus.link import Link
from services.bus.publish import Publisher
from services.bus.streams import StreamLimits, ensure_stream, last_message
from services.bus.times import from_nanoseconds

_BUCKET = re.compile(r"[A-Za-z0-9_-]+")
_CHUNK = 1 << 20
_ROOM_FOR_HEADERS = 1024
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object. size in bytes, time_ns: when it was put, metadata: as it was given."""

    name: str
    size: int
    time_ns: int
    metadata: dict[str, str] = field(default_factory=dict)


class Objects:
    """One object store."""

    def __init__(self, link: Link, publisher: Publisher, bucket: str) -> None:
        self._link = link
        self._publisher = publisher
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    @classmethod
    async def open(cls, link: Link, publisher: Publisher, bucket: str, replicas: int = 1) -> Objects:
        """Create the store or bring it to these settings."""
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"not an object store's name: {bucket!r}")
        subjects = [f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"]
        extra = {"discard": "new", "allow_rollup_hdrs": True}
        await ensure_stream(link, f"OBJ_{bucket}", subjects, StreamLimits(replicas=replicas), extra)
        return cls(link, publisher, bucket)

    async def put(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Store a value; readers see the old one whole until the new one is whole. BusUnavailable leaves the old."""
        before = await self._meta(name)
        nuid = secrets.token_hex(16)
        step = min(_CHUNK, self._link.max_payload - _ROOM_FOR_HEADERS)
        chunks = [data[at : at + step] for at in range(0, len(data), step)]
        subject = f"$O.{self._bucket}.C.{nuid}"
        try:
            # One connection keeps the order in which they are sent.
            await asyncio.gather(*(self._publisher.publish(subject, chunk) for chunk in chunks))
        except BaseException:
            await self._purge(nuid)
            raise
        # from here on it may be there, whatever comes back: the chunks have to stay
        await self._publish_meta(
            {
                "name": name,
                "metadata": dict(metadata or {}),
                "options": {"max_chunk_size": step},
                "bucket": self._bucket,
                "nuid": nuid,
                "size": len(data),
                "chunks": len(chunks),
                "digest": _digest(data),
            }
        )
        if before is not None:
            await self._purge(before["nuid"])

    async def get(self, name: str) -> bytes | None:
        """The value, None where there is none. BusUnavailable where it cannot be read whole."""
        for _ in range(_ATTEMPTS):
            meta = await self._meta(name)
            if meta is None or meta.get("deleted"):
                return None
            data = await self._read(meta)
            if data is not None:
                return data
        raise BusUnavailable(f"object {name!r} in {self._bucket} cannot be read whole")

    async def info(self, name: str) -> ObjectInfo | None:
        """What is known of an object, None where there is none."""
        message = await last_message(self._link, self._meta_subject(name), self._stream)
        return None if message is None else _info(message)

    async def list(self) -> list[ObjectInfo]:
        """All objects, by name."""
        messages = await stored(self._link, self._stream, f"$O.{self._bucket}.M.>")
        found = {message.subject: _info(message) for message in messages}
        return sorted((info for info in found.values() if info is not None), key=lambda info: info.name)

    async def delete(self, name: str) -> None:
        """Delete an object; what is not there is no error."""
        meta = await self._meta(name)
        if meta is None or meta.get("deleted"):
            return
        await self._publish_meta(meta | {"deleted": True, "size": 0, "chunks": 0, "digest": ""})
        await self._purge(meta["nuid"])

    async def _read(self, meta: dict[str, Any]) -> bytes | None:
        """An object's data, None where its chunks are no longer (all) there: it was replaced meanwhile."""
        chunks: list[Message] = []
        if meta["chunks"]:
            chunks = await stored(self._link, self._stream, f"$O.{self._bucket}.C.{meta['nuid']}")
        data = b"".join(chunk.data for chunk in chunks)
        return data if _digest(data) == meta["digest"] else None

    async def _meta(self, name: str) -> dict[str, Any] | None:
        message = await last_message(self._link, self._meta_subject(name), self._stream)
        if message is None:
            return None
        meta: dict[str, Any] = orjson.loads(message.data)
        return meta

    async def _publish_meta(self, meta: dict[str, Any]) -> None:
        meta["mtime"] = from_nanoseconds(time.time_ns())
        subject = self._meta_subject(meta["name"])
        await self._publisher.publish(subject, orjson.dumps(meta), {"Nats-Rollup": "sub"})

    async def _purge(self, nuid: str) -> None:
        try:
            await self._link.api(f"STREAM.PURGE.{self._stream}", {"filter": f"$O.{self._bucket}.C.{nuid}"})
        except BusError:
            # Chunks without meta data cost room, nothing else.
            return

    def _meta_subject(self, name: str) -> str:
        return f"$O.{self._bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def _info(message: Message) -> ObjectInfo | None:
    meta = orjson.loads(message.data)
    if meta.get("deleted"):
        return None
    return ObjectInfo(meta["name"], meta["size"], message.time_ns, meta.get("metadata") or {})


def _digest(data: bytes) -> str:
    return f"SHA-256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()}"
