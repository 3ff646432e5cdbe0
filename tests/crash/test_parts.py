"""A task in parts: they take over from the whole under load, move between workers, and lose and repeat nothing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from services.bus.events import decode
from services.bus.streams import EVENTS
from services.dryrun.log_reader import read_subjects
from services.store.folds import tasks
from services.store.folds.layouts import Layout
from services.store.folds.state import State
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Services

SPLIT = {"KAPACITOR_ENGINE_SPLIT_sums": "3", "KAPACITOR_ENGINE_SPLIT_levels": "3"}
"""Of which the hosts of the load are in two."""


async def test_a_task_is_split_under_load_and_a_worker_is_killed(tmp_path: Path) -> None:
    async with Services(tmp_path, SPLIT) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one", "two")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                layouts = [await settled(services, id) for id in ("sums", "levels")]
                assert {worker for layout in layouts for worker in layout.workers.values()} == {"one", "two"}
                await load.more(100)
                await services["one"].kill()
                await load.more(100)
                await services.start("three")
                await load.more(100)
                layout = await settled(services, "sums", {"two", "three"})
                await load.more(100)
            await check_both(load, sink)
            assert (await api.call("PATCH", "/kapacitor/v1/tasks/sums", json={"status": "disabled"})).status_code == 200
            assert layout.sequence


async def settled(services: Services, task: str, by: set[str] | None = None, timeout: float = 60.0) -> Layout:
    """Wait until a task runs in parts, by these workers; gives its layout."""
    deadline = time.monotonic() + timeout
    while True:
        layout = await layout_of(services, task)
        if layout is not None and layout.settled and by in (None, set(layout.workers.values())):
            return layout
        assert time.monotonic() < deadline, f"{task} does not run in parts: {layout}"
        await asyncio.sleep(0.2)


async def layout_of(services: Services, task: str) -> Layout | None:
    state = State()
    async with await Bus.connect(services.nats.url, "test") as bus:
        last: Any = await bus.last_sequence(EVENTS)
        async for messages in read_subjects(bus, EVENTS, tasks.SUBJECTS, 0, last):
            for message in messages:
                event = decode(message)
                state.take(tasks.fold, event, event.seq)
    record = tasks.task_of(state, task)
    return None if record is None or record.run is None else record.run.layout
