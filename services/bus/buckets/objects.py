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

from grammar.golang.times import format_rfc3339_padded
from services.bus.account.ensure import ensure_stream
from services.bus.account.shapes import Shape
from services.bus.errors import BusError, NotWhole
from services.bus.follow import StoredMessage, stored
from services.bus.publish import Publisher
from services.bus.streams import last_message
from services.bus.transport.link import Link
from services.process import log

_log = log.get("bus")

_NUID = re.compile(r"[A-Za-z0-9_-]+")
_CHUNK = 1 << 20
_ROOM_FOR_HEADERS = 1024
_ATTEMPTS, _PAUSE = 3, 0.2


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object. size in bytes, time_ns: when it was put, metadata: as it was given."""

    name: str
    size: int
    time_ns: int
    metadata: dict[str, str] = field(default_factory=dict)


class Damaged(ValueError):
    """An object is there, but not whole: it was not stored by this program, or part of it is lost."""


class Objects:
    """One object store. What is said of an object and cannot be read counts as if there were none."""

    def __init__(self, link: Link, publisher: Publisher, bucket: str) -> None:
        self._link = link
        self._publisher = publisher
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    @classmethod
    async def open(cls, link: Link, publisher: Publisher, bucket: str, shape: Shape) -> Objects:
        """Create the store where it is not there."""
        await ensure_stream(link, shape)
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
        if before is not None and not before.get("deleted"):
            await self._purge(before["nuid"])

    async def get(self, name: str) -> bytes | None:
        """The value, None where there is none.

        Damaged where it is not whole; NotWhole where it is replaced so often that it cannot be read.
        """
        tried: set[str] = set()
        for attempt in range(_ATTEMPTS):
            meta = await self._meta(name)
            if meta is None or meta.get("deleted"):
                return None
            data = await self._read(meta)
            if data is not None:
                return data
            if meta["nuid"] in tried:
                # it was not replaced, unless a server of the cluster that we have asked does not know yet
                await asyncio.sleep(_PAUSE * attempt)
            tried.add(meta["nuid"])
        if len(tried) == 1:
            raise Damaged(f"object {name!r} in {self._bucket} is damaged")
        raise NotWhole(f"object {name!r} in {self._bucket} cannot be read whole")

    async def info(self, name: str) -> ObjectInfo | None:
        """What is known of an object, None where there is none."""
        message = await last_message(self._link, self._meta_subject(name), self._stream)
        return None if message is None else _info(message)

    async def purge(self, prefix: str) -> None:
        """Delete all objects whose names begin so, those as well that are damaged."""
        for message in await stored(self._link, self._stream, f"$O.{self._bucket}.M.>"):
            name = _name(message)
            if name is not None and name.startswith(prefix):
                meta = _meta(message)
                if meta is not None:
                    await self._purge(meta["nuid"])
                await self._link.api(f"STREAM.PURGE.{self._stream}", {"filter": message.subject})

    async def list(self) -> list[ObjectInfo]:
        """All objects, by name."""
        messages = await stored(self._link, self._stream, f"$O.{self._bucket}.M.>")
        found = {message.subject: _info(message) for message in messages}
        return sorted((info for info in found.values() if info is not None), key=lambda info: info.name)

    async def delete(self, name: str) -> None:
        """Delete an object, without leaving a mark that it was there; what is not there is no error."""
        message = await last_message(self._link, self._meta_subject(name), self._stream)
        if message is None:
            return
        # what is put under that name at this moment stays
        purged = {"filter": self._meta_subject(name), "seq": message.seq + 1}
        await self._link.api(f"STREAM.PURGE.{self._stream}", purged)
        meta = _meta(message)
        if meta is not None:
            await self._purge(meta["nuid"])

    async def _read(self, meta: dict[str, Any]) -> bytes | None:
        """An object's data, None where its chunks are no longer (all) there: it was replaced meanwhile."""
        chunks: list[StoredMessage] = []
        if meta["chunks"]:
            chunks = await stored(self._link, self._stream, f"$O.{self._bucket}.C.{meta['nuid']}")
        data = b"".join(chunk.data for chunk in chunks)
        return data if _digest(data) == meta["digest"] else None

    async def _meta(self, name: str) -> dict[str, Any] | None:
        message = await last_message(self._link, self._meta_subject(name), self._stream)
        return None if message is None else _meta(message)

    async def _publish_meta(self, meta: dict[str, Any]) -> None:
        meta["mtime"] = format_rfc3339_padded(time.time_ns())
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


def _meta(message: StoredMessage) -> dict[str, Any] | None:
    """What is said of an object, None where that cannot be read."""
    try:
        meta: dict[str, Any] = orjson.loads(message.data)
        if meta.get("deleted"):
            return meta
        kinds = {"name": str, "nuid": str, "size": int, "chunks": int, "digest": str}
        if all(isinstance(meta[key], kind) for key, kind in kinds.items()) and _NUID.fullmatch(meta["nuid"]):
            return meta
        problem = "keys of other types"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = repr(error)
    _log.limited(message.subject).warn("what is said of an object cannot be read", subject=message.subject, err=problem)
    return None


def _name(message: StoredMessage) -> str | None:
    """The name of the object that a message is about, by its subject; None where it has none."""
    try:
        return base64.urlsafe_b64decode(message.subject.rsplit(".", 1)[1]).decode()
    except ValueError:
        return None


def _info(message: StoredMessage) -> ObjectInfo | None:
    meta = _meta(message)
    if meta is None or meta.get("deleted"):
        return None
    return ObjectInfo(meta["name"], meta["size"], message.time_ns, meta.get("metadata") or {})


def _digest(data: bytes) -> str:
    return f"SHA-256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()}"
