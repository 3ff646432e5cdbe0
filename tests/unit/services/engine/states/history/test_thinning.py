"""Thinning: the newest stays, and what is left reaches back evenly, the older the sparser."""

from __future__ import annotations

import itertools

from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.history.records import BEGIN, DUE, KeptPoint
from services.engine.states.history.thinning import least_needed
from services.engine.states.records import RunKey

MINUTE = 60 * 10**9


def point(number: int, why: str = DUE) -> KeptPoint:
    """One every ten minutes."""
    place, time = WritesSeq(number), number * 10 * MINUTE
    run = RunKey(EventsSeq(1), 0)
    return KeptPoint("t", "mark", number, run, place, place, 1, time, time, time, why, b"s", b"d", {})


def thinned(points: list[KeptPoint], left: int) -> list[KeptPoint]:
    points, now = list(points), points[-1].time + MINUTE
    while len(points) > left:
        dropped = least_needed(points, now)
        assert dropped is not None
        points.remove(dropped)
    return points


def test_the_newest_stays_and_the_gaps_grow_with_age() -> None:
    every = [point(number) for number in range(1, 1009)]  # a week
    left = thinned(every, 50)
    assert left[-1] == every[-1]
    assert left[0] == every[0]
    ages = [every[-1].time + MINUTE - one.time for one in left]
    gaps = [before - after for before, after in itertools.pairwise(ages)]
    for age, gap in zip(ages[1:], gaps, strict=True):
        assert gap <= max(0.5 * age, 20 * MINUTE)
    assert sum(gaps[:10]) > 5 * sum(gaps[-10:])


def test_one_that_is_left_is_the_newest() -> None:
    assert least_needed([point(1)], 2) is None
    assert least_needed([], 2) is None
    assert [one.number for one in thinned([point(number) for number in range(1, 30)], 1)] == [29]


def test_a_beginning_stays_longer_than_what_was_due() -> None:
    points = [point(number, BEGIN if number == 10 else DUE) for number in range(1, 21)]
    assert 10 in [one.number for one in thinned(points, 6)]
