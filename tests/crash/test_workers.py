"""Several workers: tasks move between them, with their state, without loss or repetition."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import orjson

from services.bus.connection import Bus
from tests.crash.load import HOSTS, LEVELS, SUMS, Load, Sink, sums, transitions
from tests.crash.processes import Api, Services

TASKS = 6


async def test_a_worker_dies_and_another_joins(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one", "two")
        async with Api(services) as api:
            await _define_many(api, sink)
            await held_by(services, {"one", "two"})
            load = Load(api)
            async with load.running():
                # what the dead worker had saved must be on the bus, not in its own files
                await load.more(100)
                await asyncio.gather(*(_shared(services, f"sums{i}") for i in range(TASKS)))
                await load.more(50)
                await services["one"].kill()
                await _answering(api, within=30.0)
                await load.more(50)
                await services.start("three")
                await held_by(services, {"two", "three"})
                await load.more(80)
            await _check_many(load, sink)
            assert await services["two"].stop() == 0
            assert "two" not in (await _holders(services)).values(), "it has handed over before it ended"
            await _answering(api, within=30.0)
            await load.write(100)
            await _check_many(load, sink)


async def test_a_worker_that_stood_still_emits_nothing_more(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one", "two")
        async with Api(services) as api:
            await _define_many(api, sink)
            await held_by(services, {"one", "two"})
            load = Load(api)
            async with load.running():
                await load.more(80)
                services["one"].send(signal.SIGSTOP)
                try:
                    # another has all of them now
                    await held_by(services, {"two"})
                    await load.more(50)
                finally:
                    services["one"].send(signal.SIGCONT)
                await held_by(services, {"one", "two"})
                await load.more(80)
            await _check_many(load, sink)
        assert services["one"].logged("lost leases to another worker")


async def test_a_lone_worker_that_stood_still_goes_on(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await _define_many(api, sink)
            load = Load(api)
            async with load.running():
                await load.more(80)
                services["one"].send(signal.SIGSTOP)
                try:
                    await load.more(4 * 80)
                    await asyncio.sleep(3.5)  # longer than its lease lasts: nothing else can tell of it
                finally:
                    services["one"].send(signal.SIGCONT)
                await load.more(80)
            await _check_many(load, sink)
        assert services["one"].logged("claims its shards again")


async def _define_many(api: Api, sink: Sink) -> None:
    """So many that each of two workers is sure to have some."""
    for i in range(TASKS):
        for kind, script in (("sums", SUMS), ("levels", LEVELS)):
            text = script.replace(f"SINK/{kind}", f"{sink.url}/{kind}{i}")
            assert (await api.define(f"{kind}{i}", text)).status_code == 200


async def _check_many(load: Load, sink: Sink) -> None:
    for i in range(TASKS):
        for host in HOSTS:
            await sink.has(f"/levels{i}", host, transitions(0, load.written))
            await sink.has(f"/sums{i}", host, sums(load.written))


async def _holders(services: Services) -> dict[int, str]:
    """Who holds which shard."""
    async with await Bus.connect(services.nats.url, "test") as bus:
        entries = await (await bus.bucket("leases")).entries()
        return {int(entry.key.removeprefix("shard.")): orjson.loads(entry.value)["worker"] for entry in entries}


async def held_by(services: Services, by: set[str], timeout: float = 60.0) -> None:
    """Wait until these workers, each of them, and no others hold all shards."""
    deadline = time.monotonic() + timeout
    while set((held := await _holders(services)).values()) != by or len(held) != 64:
        assert time.monotonic() < deadline, f"shards are held by {set(held.values())}, not {by}"
        await asyncio.sleep(0.1)


async def _shared(services: Services, task: str) -> None:
    """Wait until a task's state is on the bus."""
    async with await Bus.connect(services.nats.url, "test") as bus:
        objects = await bus.objects("states")
        while await objects.get(task) is None:
            await asyncio.sleep(0.1)


async def _answering(api: Api, within: float) -> None:
    """Wait until a worker answers for each task."""
    deadline = time.monotonic() + within
    for i in range(TASKS):
        while not (await api.stats(f"sums{i}", "from1")).get("collected"):
            assert time.monotonic() < deadline, f"nobody runs sums{i} within {within:g} s"
            await asyncio.sleep(0.05)
