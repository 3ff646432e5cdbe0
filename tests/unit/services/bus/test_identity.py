"""The ids that services have, on a real server."""

from __future__ import annotations

import asyncio

from services.bus.connection import Bus
from services.bus.identity import cluster_id, gateway_id, server_id


async def test_all_who_ask_at_once_are_told_one_id_that_stays(bus: Bus) -> None:
    told = set(await asyncio.gather(*(cluster_id(bus, 1) for _ in range(10))))
    told.add(await cluster_id(bus, 1))
    (cluster,) = told
    assert len({cluster, server_id(cluster, "a"), server_id(cluster, "b"), gateway_id(cluster, "a")}) == 4
