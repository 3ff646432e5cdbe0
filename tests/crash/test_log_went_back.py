"""WRITES is not what it was: made anew, or cut off, under a worker or while none is there. No write is passed over."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path

import orjson
import pytest

from services.bus.account.ensure import ensure_stream
from services.bus.account.shapes import stream_shape
from services.bus.connection import Bus
from services.bus.streams import ALERTS, WRITES, StreamLimits
from services.bus.subjects import WRITES as SUBJECTS
from services.bus.subjects import request_subject
from services.bus.transport.credentials import Credentials
from services.bus.transport.link import Link
from tests.crash.load import Sink
from tests.crash.processes import Api, Services, eventually

SCRIPT = """
stream
    |from().measurement('m')
    |stateCount(lambda: TRUE).as('count')
    |httpOut('out')
    |alert().id('a').message('{{ index .Fields "n" }}').info(lambda: TRUE).post('SINK/posts')
"""


@pytest.mark.parametrize("alive", [True, False], ids=["under_a_worker", "while_it_is_away"])
async def test_made_anew(tmp_path: Path, alive: bool) -> None:
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await _begin(services, api, sink, 5)
        if not alive:
            await saved(services)
            await services["one"].kill()
        await made_anew(services)
        # of the same sequences, and beyond those that were read
        await _write(api, range(10, 18))
        if not alive:
            await services["one"].start()
        await _goes_on(api, sink, [*range(5), *range(10, 18)], count=8)
        await _told_once(services, "made anew")
        # the state that is saved from now on is of the new log
        await saved(services)
        await services["one"].kill()
        await _write(api, range(20, 22))
        await services["one"].start()
        await _goes_on(api, sink, [*range(5), *range(10, 18), 20, 21], count=10)
        await _told_once(services, "made anew")


@pytest.mark.parametrize("alive", [True, False], ids=["under_a_worker", "while_it_is_away"])
async def test_cut_off_and_grown_again(tmp_path: Path, alive: bool) -> None:
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await _begin(services, api, sink, 3)
        (stream,) = (tmp_path / "nats" / "jetstream").rglob(f"streams/{WRITES}")
        await asyncio.to_thread(services.nats.stop)
        shutil.copytree(stream, tmp_path / "copy")
        await asyncio.to_thread(services.nats.start)
        await _write(api, range(3, 8))
        await _goes_on(api, sink, list(range(8)), count=8)
        await saved(services)
        if not alive:
            await services["one"].kill()
        await asyncio.to_thread(services.nats.stop)
        shutil.rmtree(stream)
        shutil.move(tmp_path / "copy", stream)
        await asyncio.to_thread(services.nats.start)
        await _write(api, range(10, 18))
        if not alive:
            await services["one"].start()
        # what is before the cut was told before
        await _goes_on(api, sink, [*range(8), *range(10, 18)], count=3 + 8)
        await _told_once(services, "went back")


async def test_an_older_backup_was_restored(tmp_path: Path) -> None:
    """The worker has kept what it knew; what was on the bus then fits."""
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await _begin(services, api, sink, 3)
        await delivered(services)
        backup = (await api.call("GET", "/kapacitor/v1/storage/backup")).content
        await _write(api, range(3, 8))
        await _goes_on(api, sink, list(range(8)), count=8)
        await saved(services)
        names = ("gateway", "alerting", "one")
        for name in names:
            await services[name].kill()
        await emptied(services)
        async with await Bus.connect(services.nats.url, "test") as bus:
            await bus.restore(io.BytesIO(backup))
        await services.start(*names)
        await _write(api, range(10, 18))
        await _goes_on(api, sink, [*range(8), *range(10, 18)], count=3 + 8)
        await _told_once(services, "went back")
        assert not services["one"].logged("a task starts over")


async def test_a_task_that_was_enabled_before(tmp_path: Path) -> None:
    """Where it begins was said of another log; nothing of it was ever saved."""
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await services.start("gateway", "alerting", "one")
        for n in range(4):
            assert (await api.write(f"other v={n}")).status_code == 204
        await services["one"].kill()
        script = SCRIPT.replace("SINK", sink.url)
        defining = asyncio.create_task(api.define("t", script))
        await _enabled(services)
        await made_anew(services)
        await _write(api, range(6))
        await services["one"].start()
        await defining
        await _goes_on(api, sink, list(range(6)), count=6)


async def _begin(services: Services, api: Api, sink: Sink, points: int) -> None:
    await services.start("gateway", "alerting", "one")
    assert (await api.define("t", SCRIPT.replace("SINK", sink.url))).status_code == 200
    await _write(api, range(points))
    await _goes_on(api, sink, list(range(points)), count=points)


async def _write(api: Api, numbers: range) -> None:
    for n in numbers:
        async with asyncio.timeout(60):
            while (await api.write(f"m n={n}i {1000 + n}", key=f"n{n}")).status_code != 204:
                await asyncio.sleep(0.05)


async def _goes_on(api: Api, sink: Sink, told: list[int], count: int) -> None:
    """Wait until just these points were told of, in order, and so many have been counted."""
    await sink.has("/posts", "a", [str(n) for n in told])
    out = await api.call("GET", "/kapacitor/v1/tasks/t/out")
    (series,) = out.json()["series"]
    assert series["values"][-1][series["columns"].index("count")] == count


async def saved(services: Services) -> None:
    """Have the worker save its states."""
    async with await Bus.connect(services.nats.url, "test") as bus:
        answer = orjson.loads(await bus.request(request_subject("engine", "share"), b"", 60.0))
        assert not answer["error"], answer


async def delivered(services: Services) -> None:
    """Wait until the bus knows that all of ALERTS was delivered, which is told a few times a second."""
    async with await Bus.connect(services.nats.url, "test") as bus, asyncio.timeout(60):
        bucket, last = await bus.bucket("tickbus-alerting"), await bus.last_sequence(ALERTS)
        while True:
            told = [orjson.loads(entry.value) for entry in await bucket.entries()]
            if any(shard["position"] >= last and not shard["behind"] for shard in told):
                return
            await asyncio.sleep(0.02)


async def made_anew(services: Services) -> None:
    """Delete WRITES and make it again."""
    link = Link("test")
    await link.open(services.nats.url, Credentials(None, None), 10.0)
    try:
        await link.api(f"STREAM.DELETE.{WRITES}")
        await ensure_stream(link, stream_shape(WRITES, [SUBJECTS], StreamLimits()))
    finally:
        await link.close()


async def emptied(services: Services) -> None:
    link = Link("test")
    await link.open(services.nats.url, Credentials(None, None), 10.0)
    try:
        for name in (await link.api("STREAM.NAMES", {}))["streams"]:
            await link.api(f"STREAM.DELETE.{name}")
    finally:
        await link.close()


async def _enabled(services: Services) -> None:
    async with await Bus.connect(services.nats.url, "test") as bus, asyncio.timeout(60):
        while not await bus.last_subject_sequence("tickbus.event.task.t.defined"):
            await asyncio.sleep(0.02)


async def _told_once(services: Services, text: str) -> None:
    lines = await eventually(lambda: services["one"].logged(text), f"the log says: {text}")
    assert len([line for line in lines if "lvl=error" in line]) == 1, lines
