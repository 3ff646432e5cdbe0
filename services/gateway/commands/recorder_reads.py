"""Showing recordings and replays: one and many, those under way with what their recorder says of them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from schemas.api.recording import ListSchema
from services.bus.errors import BusError
from services.gateway import node_stats
from services.gateway.answers import BASE
from services.gateway.commands.listing import Page, check_fields, load
from services.gateway.commands.refusal import Refusal
from services.gateway.recorder_state import RecorderState
from services.gateway.task_view import rfc3339
from services.gateway.zipped import Zipped
from services.store.projections.tasks import Record

Told = Mapping[str, Any]

_RECORDING: Mapping[str, Callable[[Record, Told], Any]] = {
    "link": lambda r, told: {"rel": "self", "href": f"{BASE}/recordings/{r['id']}"},
    "id": lambda r, told: r["id"],
    "type": lambda r, told: r["type"],
    "size": lambda r, told: told.get("size", r["size"]),
    "date": lambda r, told: rfc3339(r["date"]),
    "error": lambda r, told: r["error"],
    "status": lambda r, told: r["status"],
    "progress": lambda r, told: _progress(r, told),
}
_REPLAY: Mapping[str, Callable[[Record, Told], Any]] = {
    "link": lambda r, told: {"rel": "self", "href": f"{BASE}/replays/{r['id']}"},
    "id": lambda r, told: r["id"],
    "recording": lambda r, told: r["recording"],
    "task": lambda r, told: r["task"],
    "recording-time": lambda r, told: r["recording_time"],
    "clock": lambda r, told: r["clock"],
    "date": lambda r, told: rfc3339(r["date"]),
    "error": lambda r, told: r["error"],
    "status": lambda r, told: r["status"],
    "progress": lambda r, told: _progress(r, told),
}
_FIELDS = {"recording": _RECORDING, "replay": _REPLAY}


class RecorderReads:
    """What can be asked about recordings and replays."""

    def __init__(self, state: RecorderState) -> None:
        self._state = state

    def new(self, kind: str, record: Record) -> dict[str, Any]:
        """One that has just been asked for, as it was then: by now it may be over."""
        return _show(kind, record | {"status": "running", "error": "", "size": 0, "stats": {}}, {})

    async def recording(self, id: str) -> tuple[int, dict[str, Any]]:
        """GET /recordings/ID: the status, 202 while it runs, and the body. Raises Refusal."""
        record = self._state.get("recording", id)
        if record is None:
            raise Refusal(500, "error finding recording: no recording exists")
        return await self._one("recording", record)

    async def replay(self, id: str) -> tuple[int, dict[str, Any]]:
        """GET /replays/ID: the status, 202 while it runs, and the body. Raises Refusal."""
        record = self._state.get("replay", id)
        if record is None:
            raise Refusal(404, "could not find replay: no replay exists")
        return await self._one("replay", record)

    async def list(self, kind: str, parameters: Any) -> dict[str, Any]:
        """GET /recordings or /replays: the newest first. Raises Refusal."""
        given = load(ListSchema(), parameters)
        chosen = Page(given).of(self._state.ids(kind))
        known = _FIELDS[kind]
        fields = [*given["fields_"], "id", "link"] if given["fields_"] else list(known)
        if chosen:
            check_fields(fields, known)
        records = [record for id in chosen if (record := self._state.get(kind, id)) is not None]
        told: dict[str, dict[str, Any]] = {}
        if {"progress", "size"} & set(fields):
            told = await self._state.all_progress(kind, (r["id"] for r in records if r["status"] == "running"))
        shown = [{field: known[field](r, told.get(r["id"], {})) for field in fields} for r in records]
        return {f"{kind}s": shown}

    async def export(self, id: str) -> tuple[str, AsyncIterator[bytes]]:
        """A recording as Kapacitor's own file: its type, and the file (.srpl or .brpl), part by part.

        Raises Refusal before the first part.
        """
        record = self._state.get("recording", id)
        if record is None:
            raise Refusal(404, "error finding recording: no recording exists")
        if record["status"] == "running":
            raise Refusal(409, "the recording is still being made")
        sequence = record["sequence"]
        if record["type"] == "stream":
            return "stream", self._srpl(sequence, await self._exported(sequence, 0) or gzip.compress(b"", mtime=0))
        try:
            streams, chunks = await self._state.listed(sequence)
        except BusError as error:
            raise Refusal(503, f"the recorder does not answer: {error}") from error
        return "batch", self._brpl(sequence, streams, chunks)

    async def _srpl(self, sequence: int, first: bytes) -> AsyncIterator[bytes]:
        part, number = first, 0
        while part:
            yield part
            number += 1
            part = await self._exported(sequence, number)

    async def _brpl(self, sequence: int, streams: int, chunks: Sequence[int]) -> AsyncIterator[bytes]:
        zipped = Zipped()
        for place, stream in enumerate(reversed(range(streams))):
            zipped.begin(str(place))
            for number, of in enumerate(chunks):
                if of == stream:
                    await asyncio.to_thread(zipped.add, await self._exported(sequence, number))
                    yield zipped.taken()
        zipped.end()
        yield zipped.taken()

    def running(self, replay: str, task: str) -> Record:
        """A replay that runs, asked for as a task's. Raises Refusal."""
        record = self._state.get("replay", replay)
        if record is None or record["status"] != "running":
            raise Refusal(400, f"no running replay with ID: {replay}")
        if record["task"] != task:
            raise Refusal(400, f"replay {replay} is not for task: {task}")
        return record

    async def stats(self, replay: str) -> dict[str, Any]:
        """The statistics of the task in a replay that runs, {} where there are none."""
        return node_stats.shown((await self._state.progress("replay", replay)).get("stats", {}))

    async def _exported(self, sequence: int, chunk: int) -> bytes:
        try:
            return await self._state.exported(sequence, chunk)
        except BusError as error:
            raise Refusal(503, f"the recorder does not answer: {error}") from error

    async def _one(self, kind: str, record: Record) -> tuple[int, dict[str, Any]]:
        if record["status"] != "running":
            return 200, _show(kind, record, {})
        return 202, _show(kind, record, await self._state.progress(kind, record["id"]))


def _show(kind: str, record: Record, told: Told) -> dict[str, Any]:
    shown = {field: make(record, told) for field, make in _FIELDS[kind].items()}
    if kind == "replay":
        shown["stats"] = node_stats.shown(record["stats"])
    return shown


def _progress(record: Record, told: Told) -> float:
    progress: float = told.get("progress", 0) if record["status"] == "running" else 1
    return progress
