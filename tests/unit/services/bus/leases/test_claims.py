"""Claims on a real server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.leases import claims
from services.bus.leases.claims import Claim
from services.bus.leases.status import LeaseStatus
from tests.support.buckets import any_bucket


@pytest.fixture
async def bucket(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(claims, "TTL_SECONDS", 2.0)
    monkeypatch.setattr(claims, "_BEAT_SECONDS", 0.2)
    monkeypatch.setattr(claims, "_MARGIN_SECONDS", 0.3)
    return await any_bucket(bus, "claims", ttl=2.0)


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
    assert other.status is LeaseStatus.HELD and claim.status is LeaseStatus.UNCERTAIN
    await asyncio.wait_for(claim.keep(), 30)
    assert claim.lost.is_set() and claim.status is LeaseStatus.LOST


async def test_what_an_earlier_one_of_the_name_left_is_taken_over(bucket: Bucket) -> None:
    left = await taken(bucket, "a")
    claim = await Claim.take(bucket, "work/1", "a")
    assert claim is not None and claim.held
    await asyncio.wait_for(left.keep(), 30)
    assert not left.held and left.status is not LeaseStatus.HELD


async def test_work_lasts_no_longer_than_the_claim(bucket: Bucket) -> None:
    claim = await taken(bucket, "a")
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(claim.work(work()))
    other = await Claim.take(bucket, "work/1", "a")
    assert other is not None
    await asyncio.wait_for(working, 30)
    assert ended.is_set() and claim.lost.is_set() and other.held


async def test_a_claim_is_given_up_whatever_the_work_comes_to(bucket: Bucket) -> None:
    async def fails() -> None:
        raise ValueError("no")

    claim = await taken(bucket, "a")
    with pytest.raises(ValueError, match="no"):
        await claim.work(fails())
    assert await Claim.take(bucket, "work/1", "b") is not None
