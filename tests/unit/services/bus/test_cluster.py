"""A cluster of three: what one server has acknowledged is there whichever is asked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from services.bus.account.kept import Wishes
from services.bus.connection import Bus
from services.bus.streams import StreamLimits
from tests.support.nats_cluster import NatsCluster

_ASKED, _QUIET = 200, 0.02


async def test_the_last_sequence_of_a_subject_is_never_one_before(tmp_path: Path) -> None:
    cluster = NatsCluster(tmp_path)
    cluster.start()
    try:
        await cluster.ready()
        async with AsyncExitStack() as stack:
            buses = [await stack.enter_async_context(await Bus.connect(s.url, "t")) for s in cluster.servers.values()]
            await buses[0].ensure_streams(Wishes(*[StreamLimits(replicas=3)] * 3, replicas=3))

            for number in range(_ASKED):
                bus = buses[number % 3]
                ack = await bus.publish("tickbus.event.task.t.defined", b"{}")
                assert await bus.last_subject_sequence("tickbus.event.task.>") == ack.seq
                # what follows at once would have the other servers told of this one
                await asyncio.sleep(_QUIET)
    finally:
        cluster.stop()
