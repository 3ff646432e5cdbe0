"""Letters: their order, and what becomes of them while NATS is away or the shard may be lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.alertlog.outbox import OutboundMessage, Outbox
from services.bus.connection import Bus
from services.bus.leases.status import LeaseStatus
from tests.support.nats import NatsServer

SUBJECT = "tickbus.alert.topic"


async def test_order_and_standing(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    try:
        async with await Bus.connect(server.url, "test") as bus:
            await bus.ensure_streams()
            outbox = Outbox(bus, most=5)
            standing = {"a": LeaseStatus.UNCERTAIN, "b": LeaseStatus.HELD}

            def send(lane: str, *texts: str) -> None:
                for text in texts:
                    outbox.send(lane, OutboundMessage(SUBJECT, text.encode(), None, lambda: standing[lane]))

            send("a", "a1", "a2")
            send("b", "b1", "b2")
            assert not outbox.full
            send("a", "a3")
            assert outbox.full
            everything = asyncio.create_task(outbox.sent())
            assert await _stored(bus, 2) == ["b1", "b2"]
            assert not everything.done()

            # what is queued while somebody waits does not count for them
            standing["a"] = LeaseStatus.HELD
            await server.restart(kill=True)
            await asyncio.wait_for(everything, 30)
            assert (await _stored(bus, 5))[2:] == ["a1", "a2", "a3"]
            await asyncio.wait_for(outbox.room(), 30)

            standing["a"] = LeaseStatus.LOST
            send("a", "a4")
            send("b", "b3")
            await asyncio.wait_for(outbox.sent(), 30)
            assert (await _stored(bus, 6))[5:] == ["b3"]
            await outbox.close()
    finally:
        server.stop()


async def _stored(bus: Bus, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(30), bus.follow("ALERTS", [SUBJECT]) as follower:
        while len(found) < count:
            found += [message.data.decode() for message in await follower.batch()]
    return found
