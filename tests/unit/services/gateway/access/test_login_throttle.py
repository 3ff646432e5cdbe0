"""Wrong passwords cost time, right ones do not, and nobody's cost anybody else any."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.gateway.access import login_throttle as module
from services.gateway.access.login_throttle import LoginThrottle


@pytest.fixture
def throttle(monkeypatch: pytest.MonkeyPatch) -> LoginThrottle:
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0.05)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.2)
    return LoginThrottle()


async def test_after_some_wrong_ones_each_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    throttle = LoginThrottle()
    for _ in range(11):
        async with throttle.turn("root"):
            pass
        throttle.failed("root")
    # a moment passes between the failure and the next attempt
    assert [round(wait, 1) for wait in waits] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    async with throttle.turn("other"):
        pass
    assert len(waits) == 6


async def test_many_at_once_wait_one_after_another(throttle: LoginThrottle) -> None:
    for _ in range(8):
        throttle.failed("root")
    begun = time.monotonic()

    async def guess() -> None:
        async with throttle.turn("root"):
            throttle.failed("root")

    await asyncio.gather(*(guess() for _ in range(4)))
    assert time.monotonic() - begun >= 4 * 0.2 - 0.05


async def test_a_burst_before_the_first_answer_is_no_faster(throttle: LoginThrottle) -> None:
    under_way = most = 0

    async def guess() -> None:
        nonlocal under_way, most
        async with throttle.turn("root"):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            throttle.failed("root")

    await asyncio.gather(*(guess() for _ in range(8)))
    assert most <= 6
    assert throttle.failed("root") == 9


async def test_who_was_right_leaves_nothing_behind(throttle: LoginThrottle) -> None:
    for _ in range(3):
        async with throttle.turn("root"):
            throttle.succeeded("root")
    assert not throttle._failures


async def test_a_right_one_ends_it(throttle: LoginThrottle) -> None:
    for _ in range(8):
        throttle.failed("root")
    throttle.succeeded("root")
    begun = time.monotonic()
    for _ in range(4):
        async with throttle.turn("root"):
            pass
    assert time.monotonic() - begun < 4 * 0.2


def test_names_are_forgotten_where_there_are_too_many(throttle: LoginThrottle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NAMES", 3)
    for number in range(5):
        throttle.failed(str(number))
    assert throttle.failed("4") == 2
    assert throttle.failed("0") == 1
