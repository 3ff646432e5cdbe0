"""An engine worker dies while a task is being enabled: the next one answers for it, or it is said that none does."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from services.bus.connection import Bus
from services.bus.leases.shards import owner_of, shard_of
from services.bus.streams import EVENTS
from services.bus.subjects import event_subject
from tests.crash.processes import Api, Services

SCRIPT = "stream|from().measurement('m')|httpOut('out')"
SHARDS = 64


def task_of(worker: str, workers: list[str]) -> str:
    """The id of a task that this worker runs."""
    return next(id for id in map("task{}".format, range(1000)) if owner_of(shard_of(id, SHARDS), workers) == worker)


async def test_another_worker_answers(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "one", "two")
        id = task_of("one", ["one", "two"])
        # by then both know of each other, and have shared the shards out
        for worker in ("one", "two"):
            assert (await api.define(f"{task_of(worker, ['one', 'two'])}", SCRIPT)).status_code == 200
        assert (await api.call("DELETE", f"/kapacitor/v1/tasks/{id}")).status_code == 204
        services["one"].send(signal.SIGSTOP)
        async with await Bus.connect(services.nats.url) as bus:
            last = await bus.last_sequence(EVENTS)
            async with bus.follow(EVENTS, [event_subject("task", id, "defined")], after=last) as follower:
                asked = asyncio.create_task(api.define(id, SCRIPT))
                await follower.batch()
                await services["one"].kill()
            answer = await asked
            assert (answer.status_code, answer.json()["executing"]) == (200, True), answer.text
            told = await bus.last_message(event_subject("run", id, "started"))
            assert told is not None and b'"two"' in told.data
        assert (await api.write("m v=1 1")).status_code == 204
        await api.until_stats(id, "from1", emitted=1)


async def test_no_worker_answers(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway")
        answer = await api.define("t", SCRIPT)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "task t is enabled, but no engine worker has started it yet"}
        shown = await api.task("t")
        assert (shown["status"], shown["executing"], shown["error"]) == ("enabled", False, "")
        assert (await api.define("t", SCRIPT)).json() == {"error": "task t already exists"}
        assert (await api.write("m v=1 1")).status_code == 204
        await services.start("one")
        await api.until_stats("t", "from1", emitted=1)
        assert (await api.call("PATCH", "/kapacitor/v1/tasks/t", json={"status": "enabled"})).status_code == 200
