"""A rolling upgrade in small: two gateways one after another, and an engine worker of a later version that goes back.

`python -m tests.bench.rolling` does it with two of everything on three NATS servers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.rolling import GATEWAYS, client_of, define, differences
from tests.bench.rolling import Sums as Sink
from tests.crash.load import Load, check_both, define_both
from tests.crash.processes import Api, Services, eventually

RETRY_SECONDS = 1.0


async def test_gateways_are_replaced_while_clients_write(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await services.start(*GATEWAYS, "one")
        await define(api, sink, "posted")
        clients = {"both": client_of(services, "both", *GATEWAYS)}
        clients |= {name: client_of(services, name, name) for name in GATEWAYS}
        async with clients["both"].running(), clients["gateway-a"].running(), clients["gateway-b"].running():
            for name in GATEWAYS:
                await asyncio.sleep(RETRY_SECONDS)  # of a load that nothing happens to
                assert await services[name].stop() == 0
                await eventually(lambda client=clients[name]: client.failed, f"{name} is missed")
                await services.start(name)
        assert await differences(sink, clients, "/windows") == ([], [])
        assert not clients["both"].longest_refused


async def test_a_worker_takes_over_from_one_of_a_later_version(tmp_path: Path) -> None:
    """What a later version says besides is let pass; a state that it has saved is left, and the log read instead."""
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        services.later = {"gateway", "one"}
        await services.start("gateway", "alerting", "one")
        await define_both(api, sink)
        load = Load(api)
        await load.write(100)
        await api.until_stats("sums", "from1", collected=200)
        assert await services["one"].stop() == 0
        await load.write(50)
        await services.start("two")
        await load.write(50)
        await check_both(load, sink)
        refused = services["two"].logged("a saved state does not fit; the log is replayed instead")
        assert len(refused) == 2 and all("is of version" in line for line in refused)
        for program in services.programs.values():
            assert not program.logged("lvl=error"), program.tail()
            assert not program.logged("skipped"), program.tail()
