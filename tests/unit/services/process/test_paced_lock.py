"""Work on the event loop, a piece at a time."""

from __future__ import annotations

import asyncio
import time

from services.process.paced_lock import PacedLock


async def test_others_have_as_long_as_the_work() -> None:
    lock = PacedLock()
    steps = 0

    async def others() -> None:
        nonlocal steps
        while True:
            steps += 1
            await asyncio.sleep(0)

    async def work() -> None:
        async with lock.turn():
            time.sleep(0.02)

    going = asyncio.create_task(others())
    await asyncio.gather(*(work() for _ in range(5)))
    paused, steps = steps, 0
    with lock.hurry():
        await asyncio.gather(*(work() for _ in range(5)))
    going.cancel()
    assert paused > 50 > steps
