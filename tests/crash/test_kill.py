"""kill -9 of each service under load: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import random
from pathlib import Path

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
