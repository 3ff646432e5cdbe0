"""Wrong passwords cost time, right ones do not, and nobody's cost anybody else any."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.gateway.access import attempts as module
from services.gateway.access.attempts import Attempts


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.05)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.2)
    return Attempts()


async def took(attempts: Attempts, name: str) -> float:
    begun = time.monotonic()
    async with attempts.turn(name):
        return time.monotonic() - begun


async def test_after_some_wrong_ones_each_waits_longer(attempts: Attempts) -> None:
    waits = []
    for _ in range(9):
        waits.append(await took(attempts, "root"))
        attempts.failed("root")
    assert max(waits[:5]) < 0.04
    assert [round(w / 0.05) for w in waits[5:]] == [1, 2, 4, 4]
    assert await took(attempts, "other") < 0.04


async def test_many_at_once_wait_one_after_another(attempts: Attempts) -> None:
    for _ in range(8):
        attempts.failed("root")
    begun = time.monotonic()

    async def guess() -> None:
        async with attempts.turn("root"):
            attempts.failed("root")

    await asyncio.gather(*(guess() for _ in range(4)))
    assert time.monotonic() - begun >= 4 * 0.2 - 0.05


async def test_a_right_one_ends_it(attempts: Attempts) -> None:
    for _ in range(8):
        attempts.failed("root")
    attempts.succeeded("root")
    assert await took(attempts, "root") < 0.04


def test_names_are_forgotten_where_there_are_too_many(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NAMES", 3)
    for number in range(5):
        attempts.failed(str(number))
    assert attempts.failed("4") == 2
    assert attempts.failed("0") == 1
