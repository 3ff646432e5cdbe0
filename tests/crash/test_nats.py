"""NATS goes away under load: writes are refused meanwhile, then all goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Services, eventually


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_nats_restarts_under_load(tmp_path: Path, kill: bool) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        pids = {name: program.pid for name, program in services.programs.items()}
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                await load.more(80)
                await asyncio.to_thread(services.nats.stop, kill)
                await eventually(lambda: load.refused > 3, "writes are refused")
                # longer than a lease lasts: the worker must then claim its shards again, and lose nothing
                await asyncio.sleep(4 if kill else 0)
                written = load.written
                await asyncio.to_thread(services.nats.start)
                await load.more(200)
                assert load.written > written
            await check_both(load, sink)
            assert not load.no_retry_after and not load.failed
            # commands are refused in the same way while the bus is away
            await asyncio.to_thread(services.nats.stop)
            answer = await api.define("later", "stream|from().measurement('x')")
            assert answer.status_code == 503 and "retry-after" in answer.headers, answer.text
            await asyncio.to_thread(services.nats.start)
            await _defined_at_last(api, "later")
        assert pids == {name: program.pid for name, program in services.programs.items()}


async def test_nats_hangs(tmp_path: Path) -> None:
    async with Services(tmp_path, {"KAPACITOR_NATS_ACK_TIMEOUT": "1s"}) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                await load.more(80)
                services.nats.freeze()
                await eventually(lambda: load.refused > 1, "writes are refused")
                services.nats.thaw()
                await load.more(200)
            await check_both(load, sink)


async def _defined_at_last(api: Api, id: str) -> None:
    """A command that is repeated goes through."""
    async with asyncio.timeout(20):
        while True:
            answer = await api.define(id, "stream|from().measurement('x')")
            if answer.status_code == 200 or "already exists" in answer.text:
                return
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.1)
