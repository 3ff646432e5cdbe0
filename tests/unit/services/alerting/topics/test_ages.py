"""How old something is, on a machine whose clock is set meanwhile."""

from __future__ import annotations

import time

import pytest

from services.alerting.topics.ages import Ages

HOUR = 3600 * 10**9


class Clocks:
    """The wall's clock as somebody sets it."""

    set = 0

    def time_ns(self) -> int:
        return time.time_ns() + self.set

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


@pytest.mark.parametrize("by", [0, -HOUR, HOUR])
def test_nothing_grows_old_by_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    clocks = Clocks()
    monkeypatch.setattr("services.alerting.topics.ages.time", clocks)
    ages, before = Ages(), time.time_ns()
    clocks.set = by
    for stored in (before, before + by, before - HOUR):
        assert 0 <= ages.of(stored) < 60
