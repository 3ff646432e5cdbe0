"""Three real nats-servers that are one cluster with JetStream, on free loopback ports."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.inventory import Listed
from tests.support.buckets import any_bucket
from tests.support.nats import NatsServer
from tests.support.ports import free_port

_READY_SECONDS = 60.0


class NatsCluster:
    """Stands for a server where services are started. Its servers are `n0`, `n1` and `n2`."""

    def __init__(self, directory: Path) -> None:
        routes = [free_port() for _ in range(3)]
        urls = [f"nats://127.0.0.1:{port}" for port in routes]
        self.servers: dict[str, NatsServer] = {}
        for number, port in enumerate(routes):
            more: dict[str, Any] = {
                "server_name": f"n{number}",
                "cluster": {"name": "c", "listen": f"127.0.0.1:{port}", "routes": urls},
            }
            self.servers[f"n{number}"] = NatsServer(directory / f"n{number}", more=more)

    @property
    def url(self) -> str:
        """All of them: who starts may find one of them away."""
        return ",".join(server.url for server in self.servers.values())

    def start(self) -> None:
        """Start all, and wait until they store."""
        for server in self.servers.values():
            server.start()

    def stop(self, kill: bool = False) -> None:
        for server in self.servers.values():
            server.stop(kill)

    async def ready(self) -> None:
        """Wait until the servers that run have found each other and can store."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                async with await Bus.connect(self.url, "test", timeout=2.0) as bus:
                    await any_bucket(bus, "probe", replicas=3)
                    return
            except BusError as error:
                assert time.monotonic() < deadline, f"the cluster does not come up: {error}"
                await asyncio.sleep(0.2)

    async def listed(self) -> dict[str, Listed]:
        """What lies on it, by name; each with its leader."""
        async with await Bus.connect(self.url, "test", timeout=5.0) as bus:
            return {one.name: one for one in await bus.listed()}

    async def up_to_date(self) -> None:
        """Wait until every stream is on all servers."""
        deadline = time.monotonic() + _READY_SECONDS
        while behind := [one.name for one in (await self.listed()).values() if one.behind or not one.leader]:
            assert time.monotonic() < deadline, f"not up to date: {behind}"
            await asyncio.sleep(0.2)
