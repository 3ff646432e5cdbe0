"""What is announced of queues, and what is still to be."""

from __future__ import annotations

import asyncio

from services.alerting.delivery.shared_progress import SharedProgress
from services.bus.connection import Bus
from tests.unit.services.alerting.test_service import bus

__all__ = ["bus"]

SHARD, KEY = 3, "main:t:alert2"


async def test_what_is_done_while_it_is_announced_is_announced_again(bus: Bus) -> None:
    progress, _ = await SharedProgress.open(bus, "a", 1)
    progress.touched.add(SHARD)
    # before anything of the announcement is on its way, but after it was seen what lies behind
    asyncio.get_running_loop().call_soon(progress.touched.add, SHARD)
    await progress.announce(lambda: (6, {SHARD: {KEY: (5, 1)}}))
    assert progress.touched == {SHARD}
    await progress.announce(lambda: (6, {SHARD: {}}))
    assert not progress.touched
    other, _ = await SharedProgress.open(bus, "b", 1)
    await other.learn([SHARD])
    assert not other._announced[SHARD].behind


async def test_what_could_not_be_announced_is_still_to_be(bus: Bus) -> None:
    progress, _ = await SharedProgress.open(bus, "a", 1)
    progress.touched.add(SHARD)
    announcing = asyncio.create_task(progress.announce(lambda: (6, {SHARD: {KEY: (5, 1)}})))
    await asyncio.sleep(0)
    announcing.cancel()
    await asyncio.gather(announcing, return_exceptions=True)
    assert progress.touched == {SHARD}
    await progress.announce(lambda: (6, {SHARD: {}}))
    await progress.announce(lambda: (5, {SHARD: {KEY: (5, 1)}}))
    assert not progress.touched
