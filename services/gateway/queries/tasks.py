"""Showing tasks: one, many, and what their httpOut nodes hold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.api.task import GetTaskSchema, ListTasksSchema
from services.bus.positions import EventsSeq, WritesSeq
from services.gateway.clients.bulk_task_stats import BulkTaskStats
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.node_stats import Stats
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.streamed_list import Slices, StreamedList, sliced
from services.gateway.operations.text_body import TextBody
from services.gateway.queries.inhibited import Inhibited
from services.gateway.queries.listing import Page, check_fields, load, raw_script
from services.gateway.queries.pictures import picture, wants_picture
from services.gateway.queries.recordings import RecordingQueries
from services.gateway.queries.task_view import (
    ASKED_FIELDS,
    LIST_FIELDS,
    NEED_SCRIPTS,
    NEED_STATS,
    Layout,
    show,
    split_view,
)
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.store.folds.definition import TaskDefinition
from services.store.folds.tasks import RunRecord, TaskRecord

LIVE = "main"
"""The replay-id that means the live task."""

_ASKED_AT_ONCE = 256


class TaskQueries:
    """What can be asked about tasks."""

    def __init__(
        self,
        state: TaskReadModel,
        scripts: Scripts,
        engine: EngineClient,
        replays: RecordingQueries,
        inhibited: Inhibited,
    ) -> None:
        self._state, self._inhibited = state, inhibited
        self._replays = replays
        self._scripts = scripts
        self._engine = engine

    async def show(self, record: TaskRecord, layout: Layout | None = None) -> dict[str, Any]:
        """A task whole, with the statistics of its worker if it runs."""
        run = record.run if record.executing else None
        stats = None if run is None else await self._engine.stats(record.id, run)
        if stats is not None:
            await self._inhibited.put_right({record.id: stats})
        await self._ready(record, stats)
        view = show(record, stats, self._scripts, layout or Layout())
        view["stats"] = stats or {}
        split = split_view(record)
        return view if split is None else view | {"split": split}

    async def get(self, id: str, parameters: Any) -> dict[str, Any] | TextBody:
        """GET /tasks/ID. Raises OperationError: the id is looked up first, then script-format, dot-view, replay-id."""
        record = self._state.get(id)
        if record is None:
            raise OperationError(404, "no task exists")
        given = load(GetTaskSchema(), parameters)
        layout = _layout(given)
        if wants_picture(given["view"]):
            run = record.run if record.executing else None
            definition = record.definition if run is None else run.definition
            await self._scripts.ready_to_show(definition)
            sketch = self._scripts.sketch(definition)
            return await picture(id, sketch.outline, sketch.problem)
        if given["replay_id"] not in ("", LIVE):
            return await self._in_replay(record, given["replay_id"], layout)
        return await self.show(record, layout)

    async def list(self, parameters: Any) -> StreamedList:
        """GET /tasks: in the order of the ids' bytes.

        Raises OperationError; an unknown field is only noticed on a task.
        """
        given = load(ListTasksSchema(), parameters)
        layout = _layout(given)
        chosen = Page(given).of(self._state.ids())
        fields = [*given["fields_"], "id", "link"] if given["fields_"] else list(LIST_FIELDS)
        if chosen:
            check_fields(fields, ASKED_FIELDS)
        records = [record for id in chosen if (record := self._state.get(id)) is not None]
        return StreamedList("tasks", self._views(records, layout, fields), {})

    async def _views(self, records: Sequence[TaskRecord], layout: Layout, fields: Sequence[str]) -> Slices:
        """Of each part the statistics are asked for while the one before it is shown."""
        parts = [records[at : at + _ASKED_AT_ONCE] for at in range(0, len(records), _ASKED_AT_ONCE)]
        many = self._engine.bulk_task_stats() if NEED_STATS & set(fields) else None
        asking = [asyncio.create_task(self._stats(many, part)) for part in parts[:1]]
        try:
            for number, part in enumerate(parts):
                stats = await asking.pop()
                asking = [asyncio.create_task(self._stats(many, after)) for after in parts[number + 1 : number + 2]]
                async for view in self._part(part, stats, layout, fields):
                    yield view
        finally:
            for task in asking:
                task.cancel()

    def _part(
        self, records: Sequence[TaskRecord], stats: Mapping[str, Stats], layout: Layout, fields: Sequence[str]
    ) -> Slices:
        def make(record: TaskRecord) -> dict[str, Any]:
            return show(record, stats.get(record.id), self._scripts, layout, fields)

        async def ready(record: TaskRecord) -> None:
            await self._ready(record, stats.get(record.id))

        return sliced(records, make, ready if NEED_SCRIPTS & set(fields) else None)

    async def _stats(self, many: BulkTaskStats | None, records: Sequence[TaskRecord]) -> dict[str, Stats]:
        if many is None:
            return {}
        stats = await many.of(records)
        await self._inhibited.put_right(stats)
        return stats

    async def _in_replay(self, record: TaskRecord, replay_id: str, layout: Layout) -> dict[str, Any]:
        """A task as it runs in a replay."""
        replay = self._replays.running(replay_id, record.id)
        stats = await self._replays.stats(replay_id)
        definition = TaskDefinition.from_plain(replay.definition)
        run = RunRecord(EventsSeq(0), 0, WritesSeq(0), definition, state="started")
        replayed = replace(record, run=run, error="")
        await self._ready(replayed, stats)
        view = show(replayed, stats or None, self._scripts, layout)
        view["stats"] = stats
        return view

    async def _ready(self, record: TaskRecord, stats: Stats | None) -> None:
        """Have at hand what is to be shown of a task's scripts: as it is defined, and as it runs.

        Raises OperationError.
        """
        await self._scripts.ready_to_show(record.definition)
        if stats and record.run is not None and record.executing:
            await self._scripts.ready_to_show(record.run.definition)

    async def endpoint(self, id: str, endpoint: str) -> tuple[int, Any]:
        """GET /tasks/ID/ENDPOINT: status and body of what the task's httpOut shows. Raises OperationError."""
        record = self._state.get(id)
        if record is None or record.run is None or not record.executing:
            raise OperationError(404, "no task exists")
        answer = await self._engine.endpoint(id, record.run, endpoint)
        if answer is None:
            raise OperationError(503, "no engine worker answers for this task at present")
        if answer[0] == 404:
            raise OperationError(404, "no task exists")
        return answer


def _layout(given: dict[str, Any]) -> Layout:
    raw, dot_view = raw_script(given), given["dot_view"]
    if dot_view not in ("", "attributes", "labels"):
        raise OperationError(400, f'invalid dot-view parameter "{dot_view}"')
    return Layout(raw, dot_view or "attributes")
