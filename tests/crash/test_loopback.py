"""kapacitorLoopback: a worker that goes back to the beginning of the log writes nothing a second time."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections import Counter
from pathlib import Path

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.bus.subjects import write_subject
from services.bus.transport.credentials import Credentials
from services.bus.transport.link import Link
from tests.crash.processes import Api, Services

# nothing is saved but at an orderly end
SELDOM = {"KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10m"}
TARGET = "kapacitorLoopback().database('far').retentionPolicy('keep')"
SCRIPT = f"""
var m = stream|from().measurement('m')
m|{TARGET}
m|window().periodCount(5).everyCount(5)|sum('n').as('n')|{TARGET}.measurement('sum')
"""
FAR = write_subject("far", "keep")


async def test_nothing_is_written_twice(tmp_path: Path) -> None:
    async with Services(tmp_path, SELDOM) as services, Api(services) as api:
        await services.start("gateway", "alerting", "one")
        assert (await api.define("t", SCRIPT)).status_code == 200
        done = 0
        for others, kept in ((False, True), (True, True), (False, False)):
            for n in range(done, done + 10):
                assert (await api.write(f"m n={n}i {1000 + n}")).status_code == 204
            done += 10
            await _holds(services, done)
            if others:
                async with await Bus.connect(services.nats.url, "test") as bus:
                    await bus.publish(FAR, b"other v=1 1")
            await services["one"].kill()
            await _forgets(services)
            if not kept:
                shutil.rmtree(tmp_path / "data" / "engine")
            await services["one"].start()
        for n in range(done, done + 5):
            assert (await api.write(f"m n={n}i {1000 + n}")).status_code == 204
        await _holds(services, done + 5)


async def _holds(services: Services, points: int) -> None:
    """Wait until the log holds what has to come of so many points, each of it once."""
    windows = [sum(range(at, at + 5)) for at in range(0, points, 5)]
    expected = Counter({("m", n): 1 for n in range(points)}) + Counter(("sum", n) for n in windows)
    found: Counter[tuple[str, int]] = Counter()
    async with await Bus.connect(services.nats.url, "test") as bus, bus.follow(WRITES, [FAR]) as follower:
        async with asyncio.timeout(60):
            while not found >= expected:
                for message in await follower.batch():
                    lines = re.findall(r"^(m|sum) n=(\d+)i ", message.data.decode(), re.M)
                    found.update((name, int(n)) for name, n in lines)
    assert found == expected


async def _forgets(services: Services) -> None:
    """Have NATS forget the ids of messages: it keeps them for two minutes."""
    link = Link("test")
    await link.open(services.nats.url, Credentials(None, None), 10.0)
    try:
        config = (await link.api(f"STREAM.INFO.{WRITES}"))["config"]
        await link.api(f"STREAM.UPDATE.{WRITES}", config | {"duplicate_window": 100_000_000})
        async with await Bus.connect(services.nats.url, "test") as bus, asyncio.timeout(30):
            # whatever was stored before this message is forgotten no later than it
            msg_id = f"{time.monotonic_ns()}"
            await bus.publish(write_subject("ids", "rp"), b"x v=1 1", msg_id=msg_id)
            while (await bus.publish(write_subject("ids", "rp"), b"x v=1 1", msg_id=msg_id)).duplicate:
                await asyncio.sleep(0.05)
    finally:
        await link.close()
