"""The read model of tasks and templates, and waiting until it has got somewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from services.bus.connection import Bus
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import tasks, templates
from services.store.folds.state import Change
from services.store.folds.tasks import RunRecord, TaskRecord
from services.store.folds.templates import TemplateRecord, Undone
from services.store.store import Store

_LAST = {"task": tasks.LAST, "template": templates.LAST_TEMPLATE}


class TaskReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, tasks.fold, tasks.SUBJECTS, forget=tasks.forget, records=tasks.RECORDS)
        self._watches: set[_Watch] = set()
        self._projection.on_change(self._changed)

    def get(self, id: str) -> TaskRecord | None:
        """A task's record (see services.store.folds.tasks), None where there is no such task."""
        return tasks.task_of(self._state, id)

    def why_over(self, id: str) -> str:
        """Why a task is not to run (any more), "" where it is, though perhaps no worker does so yet."""
        record = self.get(id)
        if record is None:
            return f"there is no task {id} any more"
        if record.status != "enabled":
            return f"task {id} is disabled"
        failed = record.run is not None and record.run.state == "failed"
        return f"task {id} has failed: {record.error}" if failed else ""

    def run(self, id: str) -> RunRecord | None:
        """The run of a task that is meant to be, None where there is none."""
        record = self.get(id)
        return None if record is None else record.run

    def ids(self) -> list[str]:
        """All tasks' ids, in the order of their bytes."""
        return sorted(self._state.bucket(tasks.TASKS), key=str.encode)

    def all(self) -> list[TaskRecord]:
        """All tasks' records, in the order of the bytes of their ids."""
        return [record for id in self.ids() if (record := self.get(id)) is not None]

    def template(self, id: str) -> TemplateRecord | None:
        """A template's record (see services.store.folds.templates), None where there is no such template."""
        return templates.template_of(self._state, id)

    def template_ids(self) -> list[str]:
        """All templates' ids, in the order of their bytes."""
        return sorted(self._state.bucket(templates.TEMPLATES), key=str.encode)

    def tasks_of(self, template: str) -> dict[str, TaskRecord]:
        """The records of the tasks made from a template, by id."""
        return templates.tasks_of(self._state, template)

    def undone(self, seq: int) -> Undone | None:
        """What took back the change of a template that this event was, None: nothing."""
        undone: Undone | None = self._state.get(templates.UNDONE, str(seq))
        return undone

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of `task` or `template` under this id, 0 where there never was one."""
        return self._state.get(_LAST[kind], id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect, or was left aside because it came too late."""
        return self._state.get(tasks.VOID, str(seq)) is None

    async def ran(self, id: str, enabled: int, timeout: float) -> TaskRecord | None:
        """Wait until a worker says that it runs what the event `enabled` began, or why not; gives the task's record.

        None where no worker says so in time, or where that run is no longer meant.
        """

        def settled() -> bool:
            run = self.run(id)
            return run is None or run.enabled != enabled or run.state != "starting"

        if not await self._until(tasks.TASKS, id, settled, timeout):
            return None
        record = self.get(id)
        return record if record and record.run and record.run.enabled == enabled else None

    async def stopped(self, id: str, disabled: int, timeout: float) -> bool:
        """Wait until a worker says that it has stopped what the event `disabled` ended. Whether it did in time."""
        state = self._state
        return await self._until(tasks.STOPPED, id, lambda: (state.get(tasks.STOPPED, id) or 0) >= disabled, timeout)

    async def _until(self, bucket: str, id: str, holds: Callable[[], bool], timeout: float) -> bool:
        if holds():
            return True
        with self._watch(bucket, id) as watch, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not holds():
                    watch.changed.clear()
                    await watch.changed.wait()
        return holds()

    @contextlib.contextmanager
    def _watch(self, bucket: str, id: str) -> Iterator[_Watch]:
        watch = _Watch(bucket, id)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def _changed(self, changes: list[Change]) -> None:
        for change in changes:
            for watch in self._watches:
                if watch.id == change.key and watch.bucket == change.bucket:
                    watch.changed.set()


class _Watch:
    def __init__(self, bucket: str, id: str) -> None:
        self.bucket = bucket
        self.id = id
        self.changed = asyncio.Event()
