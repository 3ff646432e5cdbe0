"""kill -9 of each service under load: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import random
from pathlib import Path

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.kernels.machine_code import keep
from services.kernels.machine_code import load as load_kernel
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.layout import PACKED
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Serve

SERVICES = ("engine-0", "gateway", "alerting", "nats")


async def test_one_service_after_another(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        await load.write(200)
        await check_both(load, sink)
        async with load.running():
            for name in SERVICES:
                await load.more(60)
                await serve.kill_service(name)
            await load.more(60)
        # whether a post was answered just as alerting died, alerting cannot know: it is repeated
        await check_both(load, sink, repeats=1)
        assert not load.no_retry_after


async def test_services_at_random_moments(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    kills = [dice.choice(SERVICES) for _ in range(8)]
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            for name in kills:
                await load.more(dice.randrange(1, 90))
                await serve.kill_service(name)
            await load.more(60)
        await check_both(load, sink, repeats=kills.count("alerting"))


async def test_everything_at_once(tmp_path: Path) -> None:
    """The launcher is killed, and all that it started with it; a second start goes on from there."""
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            for points in (100, 30):
                await load.more(points)
                await serve.kill()
                await serve.start()
            await load.more(60)
        await check_both(load, sink, repeats=2)


async def test_large_writes_that_are_stored_packed(tmp_path: Path) -> None:
    """A gateway has no kernel to pack by in its first second: some are text, in the middle of the others."""
    if load_kernel(pack) is None:
        keep(pack)
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api, a_body=300)
        async with load.running():
            for name in SERVICES:
                await load.more(900)
                if name != "alerting":
                    await serve.kill_service(name)
            while not await _is_packed(serve):
                await load.more(300)
        await check_both(load, sink)


async def _is_packed(serve: Serve) -> bool:
    """Whether the last write is stored so."""
    async with await Bus.connect(serve.state()["nats"], "test") as bus:
        last = await bus.get_message(WRITES, await bus.last_sequence(WRITES))
    return last is not None and PACKED in (last.headers or {})
