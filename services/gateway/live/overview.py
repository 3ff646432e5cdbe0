"""The overview and the list of tasks: what viewers are shown of the figures, every two seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from grammar.golang.times import format_rfc3339
from schemas.requests.alerting import LEVELS
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.gateway.live.feed import PERIOD_SECONDS, Feed
from services.gateway.live.figures import Asking, Figures, Service, TaskFigures
from services.gateway.live.viewer import Frames, Viewer, frame
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.time_slice import TimeSlice
from services.gateway.readmodels.tasks import TaskReadModel
from services.store.folds.tasks import TaskRecord

MOST_TASKS = 1000
"""In one event."""
_GONE_SECONDS = 60.0  # for which a service is shown that is there no more
_LEAST_PAUSE = 0.2
_NOTHING = TaskFigures()

Row = dict[str, Any]


class OverviewFeed(Feed):
    """For viewers of `overview` and of `tasks`."""

    def __init__(self, bus: Bus, asking: Asking, tasks: TaskReadModel) -> None:
        super().__init__()
        self._bus, self._asking, self._tasks = bus, asking, tasks
        self._services = Services()
        self._known = Figures((), {}, 0.0, None)
        self._overview: tuple[Row, bytes] | None = None
        self._rows: dict[str, Row] = {}
        self._listed: bytes | None = None

    def joined(self, viewer: Viewer) -> None:
        if self._overview is not None:
            self._show(viewer, self._overview[1], self._all_rows)

    async def run(self) -> None:
        while True:
            begun = time.monotonic()
            await self._look()
            await asyncio.sleep(max(_LEAST_PAUSE, PERIOD_SECONDS - (time.monotonic() - begun)))

    def ended(self) -> None:
        self._overview, self._rows, self._listed = None, {}, None

    async def _look(self) -> None:
        there: Sequence[Service] = ()
        if self._bus.connected:
            # where nobody can be asked, what is known of tasks is shown all the same
            with contextlib.suppress(BusError, OperationError):
                found = await self._asking.ask()
                there = found.services
                self._known = replace(found, alerts=self._known.alerts) if found.alerts is None else found
        records = self._tasks.all()
        overview = overview_of(self._services.seen(there), records, self._known)
        first = self._overview is None
        if self._overview is None or self._overview[0] != overview:
            now = format_rfc3339(time.time_ns())
            self._overview = overview, frame("overview", {"time": now, **overview})
            if not first:
                self._show_all(self._overview[1], None)
        changed, gone = await self._differing(records)
        if first:
            self._show_all(self._overview[1], self._all_rows)
        elif changed or gone:
            self._show_all(None, b"".join(task_frames(changed, gone, whole=False)))

    async def _differing(self, records: Sequence[TaskRecord]) -> tuple[list[Row], list[str]]:
        """The rows that are otherwise than they were, and the ids that are gone."""
        before, rows = self._rows, dict[str, Row]()
        changed = []
        time_slice = TimeSlice()
        for number, record in enumerate(records):
            if number % 64 == 0:
                await time_slice.yield_if_over()
            row = row_of(record, self._known.tasks.get(record.id, _NOTHING))
            was = before.get(record.id)
            if was == row:
                rows[record.id] = was
            else:
                rows[record.id] = row
                changed.append(row)
        gone = [id for id in before if id not in rows]
        self._rows = rows
        if changed or gone:
            self._listed = None
        return changed, gone

    def _all_rows(self) -> bytes:
        """All tasks, for who knows none."""
        if self._listed is None:
            self._listed = b"".join(task_frames(list(self._rows.values()), [], whole=True))
        return self._listed

    def _show_all(self, overview: bytes | None, tasks: Frames | None) -> None:
        for viewer in self.viewers:
            self._show(viewer, overview, tasks)

    def _show(self, viewer: Viewer, overview: bytes | None, tasks: Frames | None) -> None:
        kinds = viewer.wanted.kinds
        if overview is not None and "overview" in kinds:
            viewer.show("overview", overview)
        if tasks is not None and "tasks" in kinds:
            viewer.show("tasks", tasks, self._all_rows)


class Services:
    """Those that were seen of late: one that is gone is shown for a minute as such."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[Service, float]] = {}

    def seen(self, services: Sequence[Service]) -> list[Service]:
        """All that are to be shown, where these are there now."""
        now = time.monotonic()
        fresh = {(one.kind, one.name): (one, now) for one in services}
        late = {key: seen for key, seen in self._seen.items() if now - seen[1] < _GONE_SECONDS}
        self._seen = late | fresh
        return [one if key in fresh else replace(one, up=False) for key, (one, _) in sorted(self._seen.items())]


def overview_of(services: Sequence[Service], records: Sequence[TaskRecord], figures: Figures) -> Row:
    """The overview, but for the time."""
    enabled = sum(record.status == "enabled" for record in records)
    return {
        "services": [
            {
                "name": one.name,
                "kind": one.kind,
                "up": one.up,
                "lag-seconds": one.lag,
                "points-per-second": one.rate,
                "errors": one.errors,
            }
            for one in services
        ],
        "alerts": dict(zip(LEVELS[1:], figures.alerts or (0, 0, 0), strict=True)),
        "tasks": {
            "enabled": enabled,
            "disabled": len(records) - enabled,
            "failed": sum(bool(record.error) for record in records),
        },
        "points-per-second": figures.rate,
        "errors": sum(one.errors for one in figures.tasks.values()),
    }


def row_of(record: TaskRecord, figures: TaskFigures) -> Row:
    """A task as the list shows it."""
    return {
        "id": record.id,
        "type": record.definition.type,
        "status": record.status,
        "executing": record.executing,
        "error": record.error or figures.trouble,
        "points-per-second": round(figures.rate, 2),
        "errors": figures.errors,
        "groups": figures.groups,
        "lag-seconds": figures.lag,
        "workers": figures.workers,
    }


def task_frames(rows: Sequence[Row], gone: Sequence[str], whole: bool) -> Iterator[bytes]:
    """The events that tell of these rows. whole: they are all that there are."""
    for at in range(0, max(len(rows), 1), MOST_TASKS):
        told: Mapping[str, Any] = {
            "all": whole and not at,
            "tasks": rows[at : at + MOST_TASKS],
            "gone": [] if at else gone,
        }
        yield frame("tasks", told)
