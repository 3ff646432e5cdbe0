"""Claims on a real server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.bus import claims
from services.bus.claims import Claim
from services.bus.connection import Bus
from services.bus.kv import Bucket


@pytest.fixture
async def bucket(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(claims, "TTL_SECONDS", 2.0)
    monkeypatch.setattr(claims, "_BEAT_SECONDS", 0.2)
    monkeypatch.setattr(claims, "_MARGIN_SECONDS", 0.3)
    return await bus.bucket("claims", ttl=2.0)


async def taken(bucket: Bucket, owner: str) -> Claim:
    async with asyncio.timeout(30):
        while (claim := await Claim.take(bucket, "work/1", owner)) is None:
            await asyncio.sleep(0.05)
    return claim


async def test_one_has_it_until_it_lets_go(bucket: Bucket) -> None:
    claim = await taken(bucket, "a")
    assert claim.held and await Claim.take(bucket, "work/1", "b") is None
    await claim.release()
    assert (await taken(bucket, "b")).held


async def test_one_has_it_for_as_long_as_it_says_so(bucket: Bucket) -> None:
    claim = await taken(bucket, "a")
    keeping = asyncio.create_task(claim.keep())
    await asyncio.sleep(2.5)
    assert claim.held and await Claim.take(bucket, "work/1", "b") is None
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    other = await taken(bucket, "b")
    assert other.held and not claim.held
    await asyncio.wait_for(claim.keep(), 30)
    assert claim.lost.is_set()


async def test_what_an_earlier_one_of_the_name_left_is_taken_over(bucket: Bucket) -> None:
    left = await taken(bucket, "a")
    claim = await Claim.take(bucket, "work/1", "a")
    assert claim is not None and claim.held
    await asyncio.wait_for(left.keep(), 30)
    assert not left.held
