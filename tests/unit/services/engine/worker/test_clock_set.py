"""A clock that is set while a task runs: of the machine that stamps the log, or of this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest

from services.bus.connection import Bus
from services.bus.subjects import request_subject, write_subject
from services.engine.worker.log_clock import GRACE, LogClock
from tests.support.graph import NOW, Barrier, Point, ScriptRun, plain_effects
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

SECOND = 10**9
BACK = 600 * SECOND
FROM = "stream|from().measurement('m').groupBy('host')"
DEADMAN = f"""{FROM}|deadman(0.0, 2s).id('{{{{ index .Tags "host" }}}}').stateChangesOnly().topic('t')"""


def write(run: ScriptRun, at: int, *hosts: str) -> None:
    """Each host says something at a time of the log."""
    run.tick(at)
    run.write("\n".join(f"m,host={host} v=1 {at}" for host in hosts), stored=[at])


def told(run: ScriptRun) -> list[tuple[str, int, int]]:
    """(host, level, time) of each alert."""
    [events] = [of for name, of in plain_effects(run.effects).items() if name.startswith("alert")] or [[]]
    return [(e["id"], e["level"], e["time"]) for e in events if e["id"] != "nil"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_deadman_goes_on_when_the_log_s_clock_is_set_back(restart: bool) -> None:
    run = ScriptRun(DEADMAN)
    for i in range(10):
        write(run, NOW + i * SECOND, "a", "b")
    at = NOW + 10 * SECOND - BACK
    for i in range(10):
        if restart and i == 5:
            run.restart()
        write(run, at + i * SECOND, "a")
    run.tick(at + 9 * SECOND)
    dead = [one for one in told(run) if one[1]]
    assert [host for host, _, _ in dead] == ["b"]
    assert at < dead[0][2] <= at + 6 * SECOND, "the time is that which the clock then gives"
    write(run, at + 10 * SECOND, "a", "b")
    run.tick(at + 12 * SECOND)
    assert [(host, level) for host, level, _ in told(run)] == [("b", 3), ("b", 0)]


def test_ticks_are_numbered_on_when_the_clock_is_set_back() -> None:
    """Alerting takes what has a lower number for a repetition."""
    run = ScriptRun(f"{FROM}|stats(1s)|alert().crit(lambda: TRUE).topic('t')")
    for i in range(4):
        write(run, NOW + i * SECOND, "a")
    for i in range(4):
        write(run, NOW - BACK + i * SECOND, "a")
    run.tick(NOW - BACK + 10 * SECOND)
    numbers = [-event["identity"][0] for event in next(iter(plain_effects(run.effects).values()))]
    assert len(numbers) > 8 and numbers == sorted(numbers)


@pytest.mark.parametrize("barrier", ["idle(2s)", "period(2s)"])
def test_barriers_go_on_when_the_clock_is_set_back(barrier: str) -> None:
    run = ScriptRun(f"{FROM}|barrier().{barrier}|window().period(2s).every(2s)|count('v')|httpOut('end')")
    for i in range(10):
        write(run, NOW + i * SECOND, "a")
    before = len(run.out["barrier2"])
    at = NOW - BACK
    for i in range(3):
        write(run, at + i * SECOND, "a")
    run.tick(at + 10 * SECOND)
    given = run.out["barrier2"][before:]
    assert [one for one in given if isinstance(one, Barrier) and at < one.time <= at + 10 * SECOND]
    assert sum(isinstance(one, Point) for one in given) == 3, "what comes then is not late"


def test_a_little_disorder_sets_nothing_back() -> None:
    run = ScriptRun(DEADMAN)
    for i in range(10):
        write(run, NOW + i * SECOND - (5 * SECOND if i % 3 == 1 else 0), "a")
    assert run.run.clock == NOW + 9 * SECOND
    assert not [one for one in told(run) if one[1]]


class Clocks:
    """The wall's clock, for one module, as somebody sets it."""

    def __init__(self) -> None:
        self.set = 0

    def time_ns(self) -> int:
        return time.time_ns() + self.set

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr("services.engine.worker.log_clock.time", clocks)
    return clocks


async def test_what_a_worker_has_observed_goes_on_when_its_clock_is_set_back(
    nats_server: NatsServer, clocks: Clocks
) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()

        async def takes_writes(data: bytes, headers: Mapping[str, str]) -> bytes:
            return b"{}"

        answering = bus.answer(request_subject("gateway", "writes"), takes_writes)
        clock = LogClock(bus)
        clock.begin([write_subject("db", "rp")])
        async with bus.follow("WRITES", [write_subject("db", "rp")]) as follower:
            await follower.lag()
            clock.look(follower)
            async with asyncio.timeout(20):
                while (first := await clock.up_to(follower, 0, 0)) is None:
                    await asyncio.sleep(0.05)
            clocks.set = -BACK
            assert abs(clock.look(follower) - BACK) < SECOND and clock.look(follower) == 0
            again = await clock.up_to(follower, 0, 0)
            assert again is not None and 0 <= again - first < 60 * SECOND
            # what stamps the log has another clock, or was set back as well: that is seen by what comes
            clock.observe(time.time_ns() - BACK)
            then = await clock.up_to(follower, 0, 0)
            assert then is not None and abs(time.time_ns() - BACK - GRACE - then) < 60 * SECOND
            assert clock.jumps(time.time_ns()) and not clock.jumps(time.time_ns() - BACK)
            clocks.set = 0
            assert clock.look(follower) == 0 and abs(clock.now() - time.time_ns()) < 60 * SECOND
        answering.stop()
