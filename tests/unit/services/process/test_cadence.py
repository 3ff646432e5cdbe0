"""How often something that costs is done."""

from __future__ import annotations

import pytest

from services.process import cadence as module
from services.process.cadence import Cadence


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)

    def until_due(self, cadence: Cadence) -> float:
        """How many seconds pass until it is time."""
        begun = self.now
        while not cadence.due:
            self.now += 0.05
        return round(self.now - begun, 2)

    def do(self, cadence: Cadence, seconds: float) -> None:
        cadence.begun()
        self.now += seconds
        cadence.done()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_at_an_interval_and_for_a_share_of_the_time(clock: Clock) -> None:
    cadence = Cadence(10.0)
    assert clock.until_due(cadence) == pytest.approx(10.0, abs=0.1)
    clock.do(cadence, 1.0)
    assert clock.until_due(cadence) == pytest.approx(9.0, abs=0.1)
    clock.do(cadence, 5.0)
    assert clock.until_due(cadence) == pytest.approx(20.0, abs=0.1)


def test_soon_and_then_more_and_more_seldom(clock: Clock) -> None:
    cadence = Cadence(10.0)
    cadence.soon()
    waits = []
    for _ in range(8):
        waits.append(clock.until_due(cadence))
        clock.do(cadence, 0.0)
    assert waits == pytest.approx([0.25, 0.25, 0.5, 1, 2, 4, 8, 10], abs=0.11)


def test_now_but_for_a_share_of_the_time(clock: Clock) -> None:
    cadence = Cadence(10.0)
    cadence.now()
    assert clock.until_due(cadence) == 0.0
    clock.do(cadence, 1.0)
    cadence.now()
    cadence.soon()
    assert clock.until_due(cadence) == pytest.approx(4.0, abs=0.1)
