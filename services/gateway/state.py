"""What this gateway knows of tasks and templates: its fold over EVENTS, and waiting for the fold to get somewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from services.bus.connection import Bus
from services.gateway.fold_state import FoldState
from services.store.projection import Change
from services.store.projections import tasks, templates
from services.store.projections.tasks import Record
from services.store.store import Store

_LAST = {"task": tasks.LAST, "template": templates.LAST_TEMPLATE}


class TaskState(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        super().__init__(bus, store, tasks.fold, tasks.SUBJECTS)
        self._watches: set[_Watch] = set()
        self._projection.on_change(self._changed)

    def get(self, id: str) -> Record | None:
        """A task's record (see services.store.projections.tasks), None where there is no such task."""
        return tasks.task_of(self._state, id)

    def ids(self) -> list[str]:
        """All tasks' ids, in the order of their bytes."""
        return sorted(self._state.bucket(tasks.TASKS), key=str.encode)

    def template(self, id: str) -> Record | None:
        """A template's record (see services.store.projections.templates), None where there is no such template."""
        return templates.template_of(self._state, id)

    def template_ids(self) -> list[str]:
        """All templates' ids, in the order of their bytes."""
        return sorted(self._state.bucket(templates.TEMPLATES), key=str.encode)

    def tasks_of(self, template: str) -> dict[str, Record]:
        """The records of the tasks made from a template, by id."""
        return templates.tasks_of(self._state, template)

    def undone(self, seq: int) -> Record | None:
        """What took back the change of a template that this event was: {"sequence", "task", "error"}; None: nothing."""
        undone: Record | None = self._state.get(templates.UNDONE, str(seq))
        return undone

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of `task` or `template` under this id, 0 where there never was one."""
        return self._state.get(_LAST[kind], id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect, or was left aside because it came too late."""
        return self._state.get(tasks.VOID, str(seq)) is None

    async def ran(self, id: str, enabled: int, timeout: float) -> Record | None:
        """Wait until a worker says that it runs what the event `enabled` began, or why not; gives the task's record.

        None where no worker says so in time, or where that run is no longer meant.
        """

        def settled() -> bool:
            run = (self.get(id) or {}).get("run")
            return run is None or run["enabled"] != enabled or run["state"] != "starting"

        if not await self._until(tasks.TASKS, id, settled, timeout):
            return None
        record = self.get(id)
        return record if record and record["run"] and record["run"]["enabled"] == enabled else None

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
