"""Whether a process is ready, and what it lacks."""

from __future__ import annotations

import asyncio

import pytest

from services.process import vitals as module
from services.process.vitals import Vitals


@pytest.fixture
def vitals(monkeypatch: pytest.MonkeyPatch) -> Vitals:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    return Vitals("engine")


async def fine() -> str:
    return ""


async def test_it_is_ready_between_coming_up_and_stopping(vitals: Vitals) -> None:
    vitals.check("nats", fine)
    assert await vitals.lacks() == {"engine": "it has not come up yet"}
    vitals.serves()
    assert await vitals.lacks() == {}
    vitals.ends()
    assert await vitals.lacks() == {"engine": "it is stopping"}


async def test_what_is_lacking_is_told_by_part_as_it_is_now(vitals: Vitals) -> None:
    missing = "3 shards are not taken up yet"

    async def shards() -> str:
        return missing

    async def broken() -> str:
        raise ConnectionError("gone")

    async def silent() -> str:
        await asyncio.Event().wait()
        return ""

    vitals.serves()
    for part, check in {"nats": fine, "shards": shards, "disk": broken, "events": silent}.items():
        vitals.check(part, check)
    assert await vitals.lacks() == {"shards": missing, "disk": "gone", "events": "no answer within 0.05 s"}
    missing = ""
    vitals.check("disk", fine)
    vitals.check("events", fine)
    assert await vitals.lacks() == {}


async def test_many_who_ask_together_have_it_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vitals, checked = Vitals("engine"), 0

    async def counted() -> str:
        nonlocal checked
        checked += 1
        await asyncio.sleep(0)
        return ""

    vitals.check("nats", counted)
    vitals.serves()
    assert await asyncio.gather(*(vitals.lacks() for _ in range(20))) == [{}] * 20
    assert await vitals.lacks() == {}
    assert checked == 1
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    await vitals.lacks()
    assert checked == 2
