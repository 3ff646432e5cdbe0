"""The service as a process of its own, killed while it works."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import request_subject
from services.launcher.parent_watch import PARENT_PIPE
from tests.support.alerts import CRITICAL, OK, alerts, own_topic, post, send, sink, started
from tests.support.nats import NatsServer
from tests.support.pipes import Pipe
from tests.support.processes import gone

ROOT = Path(__file__).resolve().parents[4]

Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url) as bus:
        await bus.ensure_streams()
        yield bus


@pytest.fixture
async def start(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts `tickbus alerting` and waits until it is ready."""
    processes = []

    async def begin() -> asyncio.subprocess.Process:
        options = ("--nats", nats_server.url, "--data-dir", str(tmp_path))
        command = (sys.executable, "-m", "services.cli", "alerting", *options)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"tickbus alerting ready\n"
        return process

    yield begin
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_nothing_is_lost_or_sent_twice_by_kills(bus: Bus, start: Start) -> None:
    """Repeats may only be what was on its way when the process died: one for each handler and kill."""
    kills, messages, chance = 2, 150, random.Random(7)
    async with sink() as web:
        handlers = post(web.url + "/a"), post(web.url + "/b")
        run = await started(bus, "t", 1, *handlers)

        async def feed() -> None:
            for seq in range(1, messages + 1):
                await send(bus, alerts([(f"i{seq % 7}", CRITICAL if seq % 2 else OK), (f"n{seq}", OK)], seq), run)
                await asyncio.sleep(0.002)

        feeding = asyncio.create_task(feed())
        for _ in range(kills):
            process = await start()
            await web.came(len(web.posts) + chance.randrange(20, 80))
            process.kill()
            await process.wait()
        await feeding
        process = await start()
        async with asyncio.timeout(20):
            while orjson.loads(await bus.request(request_subject("alerting", "stats"), b""))["waiting"]:
                await asyncio.sleep(0.05)
        for path in ("/a", "/b"):
            told = web.events(path)
            once = [event for at, event in enumerate(told) if event not in told[:at]]
            assert len(told) - len(once) <= kills
            assert [e["id"] for e in once if e["id"][0] == "n"] == [f"n{seq}" for seq in range(1, messages + 1)]
            levels: dict[str, str] = {}
            for event in once:
                assert event["previousLevel"] == levels.get(event["id"], "OK")
                levels[event["id"]] = event["level"]
        topic = orjson.loads(
            await bus.request(request_subject("alerting", "topic"), orjson.dumps({"topic": own_topic()}))
        )
        assert topic["topic"]["collected"] == 2 * messages
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_commands_end_with_the_launcher(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    """What tells a service that its launcher is gone is the end of its standard input."""
    command = (sys.executable, "-m", "services.cli", "alerting", "--nats", nats_server.url, "--data-dir", str(tmp_path))
    pids = Pipe(tmp_path / "pids")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, PARENT_PIPE: "1"},
    )
    try:
        assert process.stdout is not None and process.stdin is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"tickbus alerting ready\n"
        script = f"sleep 60 & echo $! > {pids.path}; wait"
        run = await started(bus, "u", 1, {"kind": "exec", "options": {"prog": "/bin/sh", "args": ["-c", script]}})
        await send(bus, alerts([("a", CRITICAL)], 5, task="u"), run)
        child = int(await pids.said())
        assert not gone(child)
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 20) == 1
        async with asyncio.timeout(20):
            while not gone(child):
                await asyncio.sleep(0.01)
    finally:
        pids.close()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_data_directory_belongs_to_one(start: Start, nats_server: NatsServer, tmp_path: Path) -> None:
    await start()
    command = (sys.executable, "-m", "services.cli", "alerting", "--nats", nats_server.url, "--data-dir", str(tmp_path))
    second = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert f"another alerting service has the data directory {tmp_path}, each needs one of its own" in said.decode()
