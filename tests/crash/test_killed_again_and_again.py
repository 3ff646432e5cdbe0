"""A worker that is killed shortly after each of its starts gets on all the same, however much of the log there is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import psutil

from services.bus.connection import Bus
from services.bus.subjects import write_subject
from tests.crash.load import BASE_MS, HOSTS, STEP_MS, Load, Sink, check_both, define_both, value
from tests.crash.processes import Api, Services

MESSAGES = 5_000
STARTS = 12  # at most: on a busy machine not each of them comes to its first save
ENOUGH = 3  # different places in the log at which it was taken up: the beginning, and two behind that
ALIVE = 0.8  # seconds of a processor, however busy the machine is with other things

SLOW = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s",
    "KAPACITOR_ENGINE_MAX_BATCH_BYTES": "1",  # each message by itself: a small log takes long
    "KAPACITOR_LOGGING_LEVEL": "DEBUG",
}


async def test_it_gets_on(tmp_path: Path) -> None:
    async with Services(tmp_path, SLOW) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define_both(api, sink)
            await services["one"].kill()
            load = Load(api)
            await _write(services, MESSAGES)
            load.written = MESSAGES
            starts = 1
            while len({*_positions(services, "sums")}) < ENOUGH and starts < STARTS:
                await services.start("one")
                await _has_had(services["one"].pid, ALIVE)
                await services["one"].kill()
                starts += 1
            await services.start("one")
            await check_both(load, sink)
    positions = _positions(services, "sums")
    assert len(positions) == starts + 1
    assert positions == sorted(positions)
    assert len({*positions}) >= ENOUGH, f"it has not got on: {positions}"
    assert positions[2] < MESSAGES, f"this shows nothing: {positions}"


async def _has_had(pid: int, seconds: float) -> None:
    """Wait until a process has had so much of a processor from now on."""
    process = psutil.Process(pid)
    begun = sum(process.cpu_times()[:2])
    async with asyncio.timeout(60):
        while sum(process.cpu_times()[:2]) - begun < seconds:
            await asyncio.sleep(0.02)


async def _write(services: Services, messages: int) -> None:
    """A point of each host in each of many messages."""
    async with await Bus.connect(services.nats.url, "test") as bus:
        subject = write_subject("db", "rp")
        bodies = (
            "\n".join(f"numbers,host={h} n={n}i,load={value(n)} {BASE_MS + n * STEP_MS}" for h in HOSTS)
            for n in range(messages)
        )
        await asyncio.gather(*(bus.publish(subject, body.encode(), {"precision": "ms"}) for body in bodies))


def _positions(services: Services, task: str) -> list[int]:
    """Where in the log the task was taken up, each time."""
    lines = [line for line in services["one"].logged('msg="a task runs"') if f"task={task} " in line]
    return [int(found[1]) for line in lines if (found := re.search(r" position=(\d+)", line))]
