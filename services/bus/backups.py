"""Copies of everything that tickbus keeps in JetStream, for another server to start from.

A backup is a byte stream: a first line, then for each JetStream stream a line of JSON (its configuration and state as
the server tells them, and when it was made) and its data in chunks, each behind its length in four bytes, big-endian,
the last of length 0; then a line `{"end":true}`, without which the backup is not whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, BinaryIO

import orjson

from services.bus.account.marks import EARLIER, OWNER, mark
from services.bus.errors import ApiError, BusError, BusUnavailable
from services.bus.inventory import ours
from services.bus.streams import ALERTS, CREATED, EVENTS, WRITES, created_of
from services.bus.transport.link import API_TIMEOUT, Link
from services.bus.transport.names import Names

_FIRST_LINE = b"tickbus backup 1\n"
_END: dict[str, Any] = {"end": True}
_CHUNK_BYTES = 128 << 10
_LAST = (EVENTS, ALERTS, WRITES)
_FLEETING = frozenset({"KV_leases", "KV_workers", "KV_alertings", "KV_alerting-leases"})
_SILENCE_SECONDS = 30.0
_RESTORE_SECONDS = 600.0


async def backup(link: Link) -> AsyncIterator[bytes]:
    """The backup, chunk by chunk. Raises BusUnavailable, ApiError.

    Each stream is copied as it is at one moment; WRITES comes last, so that what the others know of it is in it.
    """
    yield _FIRST_LINE
    names = await _names(link)
    for name in [*(n for n in names if n not in _LAST), *(n for n in _LAST if n in names)]:
        async for chunk in _snapshot(link, name):
            yield chunk
    yield orjson.dumps(_END) + b"\n"


async def restore(link: Link, file: BinaryIO) -> list[str]:
    """Make the streams of a backup on a NATS that has nothing of this tickbus; gives their names.

    ValueError where it has something, or the file is no backup or not whole, or was made under other prefixes, which
    its data has in it; BusError where the server refuses a stream. What was restored until then is deleted again.
    """
    if file.readline() != _FIRST_LINE:
        raise ValueError("not a backup of tickbus")
    if there := await _names(link):
        named = ", ".join(map(link.names.stream, there))
        raise ValueError(
            f"there are streams already ({named}): only a NATS without anything of tickbus can be restored to"
        )
    done: list[str] = []
    try:
        while True:
            head = _line(file)
            if head == _END:
                return done
            await _restore(link, head, file)
            done.append(head["config"]["name"])
    except (ValueError, BusError, KeyError):
        for name in done:
            await link.api(f"STREAM.DELETE.{name}")
        raise


async def _names(link: Link) -> Sequence[str]:
    return [name for info in await ours(link) if (name := info["config"]["name"]) not in _FLEETING]


async def _snapshot(link: Link, name: str) -> AsyncIterator[bytes]:
    inbox = link.client.new_inbox()
    arrived: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
    sid = link.client.listen(inbox, lambda subject, reply, headers, data: arrived.put_nowait((reply, data)))
    try:
        created = created_of(await link.api(f"STREAM.INFO.{name}"))
        request = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": _CHUNK_BYTES}
        answer = await link.api(f"STREAM.SNAPSHOT.{name}", request)
        yield orjson.dumps({"config": answer["config"], "state": answer["state"], "created": created}) + b"\n"
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    reply, data = await arrived.get()
            except TimeoutError as error:
                raise BusUnavailable(f"JetStream sends no more of its copy of {name}") from error
            yield len(data).to_bytes(4, "big") + data
            if not data:
                return
            if reply:
                link.client.send(reply.decode(), b"")
    finally:
        link.client.forget(sid)


async def _restore(link: Link, head: dict[str, Any], file: BinaryIO) -> None:
    name, metadata = head["config"]["name"], head["config"].get("metadata") or {}
    _check_owner(metadata, link.names)
    config = head["config"] | {"metadata": {**mark(name, link.names, EARLIER), **metadata, CREATED: head["created"]}}
    answer = await link.api(f"STREAM.RESTORE.{name}", {"config": config, "state": head["state"]})
    subject: str = answer["deliver_subject"]
    while True:
        length = int.from_bytes(_exactly(file, 4), "big")
        chunk = _exactly(file, length)
        reply = await link.start(subject, chunk, API_TIMEOUT if chunk else _RESTORE_SECONDS)
        response = orjson.loads(reply.data) if reply.data else {}
        if "error" in response:
            error = response["error"]
            raise ApiError(error.get("code", 500), error.get("err_code", 0), error.get("description", "unknown"))
        if not chunk:
            return


def _check_owner(metadata: dict[str, str], names: Names) -> None:
    owner = metadata.get(OWNER, Names().owner)
    if owner != names.owner:
        prefix, _, stream_prefix = owner.partition(" ")
        raise ValueError(
            f'the backup is of a tickbus with `prefix = "{prefix}"` and `stream-prefix = "{stream_prefix}"`'
        )


def _line(file: BinaryIO) -> dict[str, Any]:
    line = file.readline()
    if not line.endswith(b"\n"):
        raise ValueError("the backup is not whole")
    head = orjson.loads(line)
    if head != _END and not {"config", "state", "created"} <= head.keys():
        raise ValueError("the backup is damaged")
    return dict(head)


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise ValueError("the backup is not whole")
    return data
