"""Copies of everything that JetStream keeps, for another server to start from.

A backup is a byte stream: a first line, then for each JetStream stream a line of JSON (its configuration and state as
the server tells them, and when it was made) and its data in pieces, each behind its length in four bytes, big-endian,
the last of length 0; then a line `{"end":true}`, without which the backup is not whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, BinaryIO

import orjson

from services.bus.errors import ApiError, BusError, BusUnavailable
from services.bus.link import API_TIMEOUT, Link
from services.bus.streams import ALERTS, CREATED, EVENTS, WRITES, created_of

_FIRST_LINE = b"tickbus backup 1\n"
_END: dict[str, Any] = {"end": True}
_PIECE = 128 << 10
_LAST = (EVENTS, ALERTS, WRITES)
_FLEETING = frozenset({"KV_leases", "KV_workers"})
_SILENCE_SECONDS = 30.0
_RESTORE_SECONDS = 600.0


async def backup(link: Link) -> AsyncIterator[bytes]:
    """The backup, piece by piece. Raises BusUnavailable, ApiError.

    Each stream is copied as it is at one moment; WRITES comes last, so that what the others know of it is in it.
    """
    yield _FIRST_LINE
    names = await _names(link)
    for name in [*(n for n in names if n not in _LAST), *(n for n in _LAST if n in names)]:
        async for piece in _snapshot(link, name):
            yield piece
    yield orjson.dumps(_END) + b"\n"


async def restore(link: Link, file: BinaryIO) -> list[str]:
    """Make the streams of a backup on a server that has none of them; gives their names.

    ValueError where the server has streams, or the file is no backup or not whole; BusError where the server refuses
    a stream. What was restored until then is deleted again.
    """
    if file.readline() != _FIRST_LINE:
        raise ValueError("not a backup of tickbus")
    there = [name for name in await _names(link) if name not in _FLEETING]
    if there:
        raise ValueError(f"there are streams already ({', '.join(there)}): only an empty server can be restored to")
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
    answer = await link.api("STREAM.NAMES", {})
    return [name for name in answer.get("streams") or [] if name not in _FLEETING]


async def _snapshot(link: Link, name: str) -> AsyncIterator[bytes]:
    inbox = link.client.new_inbox()
    arrived: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
    sid = link.client.listen(inbox, lambda subject, reply, headers, data: arrived.put_nowait((reply, data)))
    try:
        created = created_of(await link.api(f"STREAM.INFO.{name}"))
        request = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": _PIECE}
        answer = await link.api(f"STREAM.SNAPSHOT.{name}", request)
        yield orjson.dumps({"config": answer["config"], "state": answer["state"], "created": created}) + b"\n"
        while True:
            try:
                reply, data = await asyncio.wait_for(arrived.get(), _SILENCE_SECONDS)
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
    name = head["config"]["name"]
    config = head["config"] | {"metadata": {**(head["config"].get("metadata") or {}), CREATED: head["created"]}}
    answer = await link.api(f"STREAM.RESTORE.{name}", {"config": config, "state": head["state"]})
    subject: str = answer["deliver_subject"]
    while True:
        length = int.from_bytes(_exactly(file, 4), "big")
        piece = _exactly(file, length)
        reply = await link.start(subject, piece, API_TIMEOUT if piece else _RESTORE_SECONDS)
        told = orjson.loads(reply.data) if reply.data else {}
        if "error" in told:
            error = told["error"]
            raise ApiError(error.get("code", 500), error.get("err_code", 0), error.get("description", "unknown"))
        if not piece:
            return


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
