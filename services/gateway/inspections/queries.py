"""Showing traces and backtests, those under way with what their recorder says of them, and what they have found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.api.inspections.inspection import ResultsParametersSchema
from schemas.api.recording import ListSchema
from services.gateway.clients.recorder import RecorderClient
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import StreamedList, streamed_list
from services.gateway.queries.listing import Page, check_fields, load
from services.gateway.queries.results import results_page
from services.gateway.queries.task_view import rfc3339
from services.gateway.readmodels.recordings import RecordingReadModel
from services.store.folds.inspections import InspectionRecord

Shown = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""What is shown of what was asked for (InspectionRecord.asked), by the keys that show it."""


class InspectionQueries:
    """What can be asked about those of one kind, `trace` or `backtest`."""

    def __init__(self, state: RecordingReadModel, recorder: RecorderClient, kind: str, shown: Shown) -> None:
        self._state, self._recorder, self._kind, self._shown = state, recorder, kind, shown

    def new(self, record: InspectionRecord) -> dict[str, Any]:
        """One that has just been asked for, as it was then: by now it may be over."""
        return self._show(InspectionRecord(record.kind, record.asked, record.id, record.sequence, record.date), 0.0)

    async def one(self, id: str) -> tuple[int, dict[str, Any]]:
        """GET /traces/ID: the status, 202 while it runs, and the body. Raises OperationError."""
        record = self._record(id)
        if record.status != "running":
            return 200, self._show(record, 1.0)
        live = await self._recorder.progress(self._kind, id)
        return 202, self._show(record, live.get("progress", 0.0))

    async def list(self, parameters: Any) -> StreamedList:
        """GET /traces: the newest first. Raises OperationError."""
        given = load(ListSchema(), parameters)
        records = [
            record
            for id in Page(given).of(self._state.ids(self._kind))
            if (record := self._state.inspection(self._kind, id)) is not None
        ]
        fields = set(given["fields_"]) | {"id", "link"} if given["fields_"] else None
        if fields and records:
            check_fields(given["fields_"], self._show(records[0], 0.0))
        live: dict[str, dict[str, Any]] = {}
        if fields is None or "progress" in fields:
            running = (record.id for record in records if record.status == "running")
            live = await self._recorder.all_progress(self._kind, running)

        def show(record: InspectionRecord) -> dict[str, Any]:
            done = 1.0 if record.status != "running" else live.get(record.id, {}).get("progress", 0.0)
            return {key: value for key, value in self._show(record, done).items() if fields is None or key in fields}

        return streamed_list(f"{self._kind}s", records, show)

    async def results(self, id: str, parameters: Any) -> StreamedList:
        """GET /traces/ID/results: lines of what was found, as far as it has come. Raises OperationError."""
        given = load(ResultsParametersSchema(), parameters)
        return await results_page(self._recorder, self._record(id).sequence, "results", given)

    def _record(self, id: str) -> InspectionRecord:
        record = self._state.inspection(self._kind, id)
        if record is None:
            raise OperationError(404, f"no {self._kind} exists")
        return record

    def _show(self, record: InspectionRecord, progress: float) -> dict[str, Any]:
        asked = record.asked
        return {
            "link": {"rel": "self", "href": f"{BASE}/{self._kind}s/{record.id}"},
            "id": record.id,
            "date": rfc3339(record.date),
            "status": record.status,
            "error": record.error,
            "progress": progress,
            "start": rfc3339(asked["start"]),
            "stop": rfc3339(asked["stop"]),
            **{key: of(asked) for key, of in self._shown.items()},
            "summary": record.summary or {},
        }
