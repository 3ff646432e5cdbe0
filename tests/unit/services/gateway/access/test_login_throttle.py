"""Wrong passwords cost time, right ones do not, and nobody's cost anybody else any."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.gateway.access import login_throttle as module
from services.gateway.access.login_throttle import LoginThrottle


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> LoginThrottle:
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.05)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.2)
    return LoginThrottle()


async def test_after_some_wrong_ones_each_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    attempts = LoginThrottle()
    for _ in range(11):
        async with attempts.turn("root"):
            pass
        attempts.failed("root")
    # a moment passes between the failure and the next attempt
    assert [round(wait, 1) for wait in waits] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    async with attempts.turn("other"):
        pass
    assert len(waits) == 6


async def test_many_at_once_wait_one_after_another(attempts: LoginThrottle) -> None:
    for _ in range(8):
        attempts.failed("root")
    begun = time.monotonic()

    async def guess() -> None:
        async with attempts.turn("root"):
            attempts.failed("root")

    await asyncio.gather(*(guess() for _ in range(4)))
    assert time.monotonic() - begun >= 4 * 0.2 - 0.05


async def test_a_right_one_ends_it(attempts: LoginThrottle) -> None:
    for _ in range(8):
        attempts.failed("root")
    attempts.succeeded("root")
    begun = time.monotonic()
    for _ in range(4):
        async with attempts.turn("root"):
            pass
    assert time.monotonic() - begun < 4 * 0.2


def test_names_are_forgotten_where_there_are_too_many(attempts: LoginThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NAMES", 3)
    for number in range(5):
        attempts.failed(str(number))
    assert attempts.failed("4") == 2
    assert attempts.failed("0") == 1
