"""Showing tasks: one, many, and what their httpOut nodes hold."""

from __future__ import annotations

from typing import Any

from schemas.api.task import GetTaskSchema, ListTasksSchema
from services.bus.errors import BusError
from services.gateway.commands.listing import Page, check_fields, load, raw_script
from services.gateway.commands.recorder_reads import RecorderReads
from services.gateway.commands.refusal import Refusal
from services.gateway.engine import Engine
from services.gateway.inhibited import Inhibited
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.gateway.task_view import LIST_FIELDS, NEED_STATS, Layout, show
from services.store.projections.tasks import Record, executing

LIVE = "main"
"""The replay-id that means the live task."""


class TaskReads:
    """What can be asked about tasks."""

    def __init__(
        self, state: TaskState, scripts: Scripts, engine: Engine, replays: RecorderReads, inhibited: Inhibited
    ) -> None:
        self._state, self._inhibited = state, inhibited
        self._replays = replays
        self._scripts = scripts
        self._engine = engine

    async def show(self, record: Record, layout: Layout | None = None) -> dict[str, Any]:
        """A task whole, with the statistics of its worker if it runs."""
        stats = await self._engine.stats(record["id"]) if executing(record) else None
        if stats is not None:
            await self._inhibited.put_right({record["id"]: stats})
        shown = show(record, stats, self._scripts, layout or Layout())
        shown["stats"] = stats or {}
        return shown

    async def get(self, id: str, parameters: Any) -> dict[str, Any]:
        """GET /tasks/ID. Raises Refusal: the id is looked up first, then script-format, dot-view, replay-id."""
        record = self._state.get(id)
        if record is None:
            raise Refusal(404, "no task exists")
        given = load(GetTaskSchema(), parameters)
        layout = _layout(given)
        if given["replay_id"] not in ("", LIVE):
            return await self._in_replay(record, given["replay_id"], layout)
        return await self.show(record, layout)

    async def list(self, parameters: Any) -> dict[str, Any]:
        """GET /tasks: in the order of the ids' bytes. Raises Refusal; an unknown field is only noticed on a task."""
        given = load(ListTasksSchema(), parameters)
        layout = _layout(given)
        chosen = Page(given).of(self._state.ids())
        fields = [*given["fields_"], "id", "link"] if given["fields_"] else list(LIST_FIELDS)
        if chosen:
            check_fields(fields, LIST_FIELDS)
        records = [record for id in chosen if (record := self._state.get(id)) is not None]
        running = [record["id"] for record in records if executing(record)]
        stats = await self._engine.all_stats(running) if NEED_STATS & set(fields) else {}
        await self._inhibited.put_right(stats)
        return {"tasks": [show(r, stats.get(r["id"]), self._scripts, layout, fields) for r in records]}

    async def _in_replay(self, record: Record, replay_id: str, layout: Layout) -> dict[str, Any]:
        """A task as it runs in a replay."""
        replay = self._replays.running(replay_id, record["id"])
        stats = await self._replays.stats(replay_id)
        run = {"state": "started", "definition": replay["definition"]}
        shown = show(record | {"run": run, "error": ""}, stats or None, self._scripts, layout)
        shown["stats"] = stats
        return shown

    async def endpoint(self, id: str, endpoint: str) -> tuple[int, Any]:
        """GET /tasks/ID/ENDPOINT: status and body of what the task's httpOut shows. Raises Refusal."""
        record = self._state.get(id)
        if record is None or not executing(record):
            raise Refusal(404, "no task exists")
        try:
            answer = await self._engine.endpoint(id, endpoint)
        except BusError as error:
            raise Refusal(503, f"the engine does not answer: {error}") from error
        if answer is None:
            raise Refusal(503, "no engine worker answers for this task at present")
        if answer[0] == 404:
            raise Refusal(404, "no task exists")
        return answer


def _layout(given: dict[str, Any]) -> Layout:
    raw, dot_view = raw_script(given), given["dot_view"]
    if dot_view not in ("", "attributes", "labels"):
        raise Refusal(400, f'invalid dot-view parameter "{dot_view}"')
    return Layout(raw, dot_view or "attributes")
