"""A NATS cluster of three, of which one server goes under load; `python -m tests.crash.cluster` does it for each."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.crash.cluster import NOTICED_SECONDS, clustered, leader_killed, served_by, server_frozen
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api

_RECONNECTING_SECONDS = 4.0


async def test_the_leader_of_the_log_is_killed_and_a_server_hangs(tmp_path: Path) -> None:
    async with clustered(tmp_path, "gateway", "alerting", "one") as services, Sink() as sink, Api(services) as api:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            await load.more(80)
            await leader_killed(services, load, "WRITES")
            name = next(n for n, s in services.nats.servers.items() if served_by(services, "gateway", s.port))
            assert await server_frozen(services, load, name) < NOTICED_SECONDS + _RECONNECTING_SECONDS
        await check_both(load, sink)
        assert not load.no_retry_after and not load.failed


async def test_everything_starts_with_a_server_away(tmp_path: Path) -> None:
    services = ("gateway", "alerting", "recorder", "one")
    async with clustered(tmp_path, *services, away="n1") as running, Api(running) as api:
        async with asyncio.timeout(30):
            while (answer := await api.define("t", "stream|from().measurement('x')")).status_code == 503:
                await asyncio.sleep(0.1)
        assert answer.status_code == 200 and answer.json()["executing"], answer.text
