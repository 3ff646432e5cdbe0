"""Showing recordings and replays: one and many, those under way with what their recorder says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.api.recording import ListSchema
from schemas.api.replay import EffectsParametersSchema
from services.gateway.clients import node_stats
from services.gateway.clients.recorder import RecorderClient
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import StreamedList, streamed_list
from services.gateway.queries.listing import Page, check_fields, load
from services.gateway.queries.results import results_page
from services.gateway.queries.task_view import rfc3339
from services.gateway.readmodels.recordings import RecordingReadModel
from services.store.folds.recordings import JobRecord, RecordingRecord, ReplayRecord

Live = Mapping[str, Any]
"""What a recorder says of what it is at: progress, and size or stats; empty where none is at it."""

_RECORDING: Mapping[str, Callable[[RecordingRecord, Live], Any]] = {
    "link": lambda r, live: {"rel": "self", "href": f"{BASE}/recordings/{r.id}"},
    "id": lambda r, live: r.id,
    "type": lambda r, live: r.type,
    "size": lambda r, live: live.get("size", r.size),
    "date": lambda r, live: rfc3339(r.date),
    "error": lambda r, live: r.error,
    "status": lambda r, live: r.status,
    "progress": lambda r, live: _progress(r, live),
}
_REPLAY: Mapping[str, Callable[[ReplayRecord, Live], Any]] = {
    "link": lambda r, live: {"rel": "self", "href": f"{BASE}/replays/{r.id}"},
    "id": lambda r, live: r.id,
    "recording": lambda r, live: r.recording,
    "task": lambda r, live: r.task,
    "recording-time": lambda r, live: r.recording_time,
    "clock": lambda r, live: r.clock,
    "side-effects": lambda r, live: r.side_effects,
    "date": lambda r, live: rfc3339(r.date),
    "error": lambda r, live: r.error,
    "status": lambda r, live: r.status,
    "progress": lambda r, live: _progress(r, live),
}
_FIELDS: Mapping[str, Mapping[str, Callable[[Any, Live], Any]]] = {"recording": _RECORDING, "replay": _REPLAY}


class RecordingQueries:
    """What can be asked about recordings and replays."""

    def __init__(self, state: RecordingReadModel, recorder: RecorderClient) -> None:
        self._state = state
        self._recorder = recorder

    def new(self, kind: str, record: JobRecord) -> dict[str, Any]:
        """One that has just been asked for, as it was then: by now it may be over."""
        begun: dict[str, Any] = {"size": 0} if kind == "recording" else {"stats": {}}
        return _show(kind, replace(record, status="running", error="", **begun), {})

    async def recording(self, id: str) -> tuple[int, dict[str, Any]]:
        """GET /recordings/ID: the status, 202 while it runs, and the body. Raises OperationError."""
        record = self._state.recording(id)
        if record is None:
            raise OperationError(500, "error finding recording: no recording exists")
        return await self._one("recording", record)

    async def replay(self, id: str) -> tuple[int, dict[str, Any]]:
        """GET /replays/ID: the status, 202 while it runs, and the body. Raises OperationError."""
        record = self._state.replay(id)
        if record is None:
            raise OperationError(404, "could not find replay: no replay exists")
        return await self._one("replay", record)

    async def list(self, kind: str, parameters: Any) -> StreamedList:
        """GET /recordings or /replays: the newest first. Raises OperationError."""
        given = load(ListSchema(), parameters)
        chosen = Page(given).of(self._state.ids(kind))
        known = _FIELDS[kind]
        every = not given["fields_"]
        fields = list(known) if every else [*dict.fromkeys(given["fields_"]), "id", "link"]
        if chosen:
            check_fields(fields, known)
        records = [record for id in chosen if (record := self._state.get(kind, id)) is not None]
        live: dict[str, dict[str, Any]] = {}
        if {"progress", "size"} & set(fields):
            live = await self._recorder.all_progress(kind, (r.id for r in records if r.status == "running"))

        def show(record: JobRecord) -> dict[str, Any]:
            shown = {field: known[field](record, live.get(record.id, {})) for field in fields}
            return _without_the_usual(shown) if every else shown

        return streamed_list(f"{kind}s", records, show)

    async def effects(self, id: str, parameters: Any) -> StreamedList:
        """GET /replays/ID/effects: what it would have done, as far as it has come. Raises OperationError."""
        given = load(EffectsParametersSchema(), parameters)
        record = self._state.replay(id)
        if record is None:
            raise OperationError(404, "could not find replay: no replay exists")
        if record.side_effects:
            raise OperationError(400, f"replay {id} has side effects: what it does is done, and not kept")
        return await results_page(self._recorder, record.sequence, "effects", given)

    def running(self, replay: str, task: str) -> ReplayRecord:
        """A replay that runs, asked for as a task's. Raises OperationError."""
        record = self._state.replay(replay)
        if record is None or record.status != "running":
            raise OperationError(400, f"no running replay with ID: {replay}")
        if record.task != task:
            raise OperationError(400, f"replay {replay} is not for task: {task}")
        return record

    async def stats(self, replay: str) -> dict[str, Any]:
        """The statistics of the task in a replay that runs, {} where there are none."""
        return node_stats.public_stats((await self._recorder.progress("replay", replay)).get("stats", {}))

    async def _one(self, kind: str, record: JobRecord) -> tuple[int, dict[str, Any]]:
        if record.status != "running":
            return 200, _show(kind, record, {})
        return 202, _show(kind, record, await self._recorder.progress(kind, record.id))


def _show(kind: str, record: JobRecord, live: Live) -> dict[str, Any]:
    view = _without_the_usual({field: make(record, live) for field, make in _FIELDS[kind].items()})
    if isinstance(record, ReplayRecord):
        view["stats"] = node_stats.public_stats(dict(record.stats))
    return view


def _without_the_usual(view: dict[str, Any]) -> dict[str, Any]:
    """What the reference does not know is shown where it is asked for, or is not as usual."""
    if view.get("side-effects", True):
        view.pop("side-effects", None)
    return view


def _progress(record: JobRecord, live: Live) -> float:
    progress: float = live.get("progress", 0) if record.status == "running" else 1
    return progress
