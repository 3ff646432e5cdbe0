"""When an alert flaps: shares within a window, thresholds, and what takes no memory."""

from __future__ import annotations

from services.alerting.flapping.flaps import Flaps
from services.bus.positions import EventsSeq
from services.store.folds.oncall.flapping import FlappingRecord

SECOND = 10**9
TEN_MINUTES = FlappingRecord(600 * SECOND, 0.25, 0.5, 0, EventsSeq(1))


def changed(flaps: Flaps, times: list[int], id: str = "a") -> None:
    for second in times:
        flaps.add(TEN_MINUTES, id, True, second * SECOND)


def test_over_the_upper_threshold_until_below_the_lower() -> None:
    flaps = Flaps()
    changed(flaps, [0, 60, 120, 180, 240])
    assert not flaps.flaps(TEN_MINUTES, "a", 240 * SECOND), "five of ten are just at it"
    changed(flaps, [300])
    assert flaps.flaps(TEN_MINUTES, "a", 300 * SECOND) and flaps.told == {"a": False}
    assert flaps.changes("a", 300 * SECOND) == 6
    # three are left of the window: 0.3 of ten; then two
    assert flaps.flaps(TEN_MINUTES, "a", 749 * SECOND)
    assert not flaps.flaps(TEN_MINUTES, "a", 810 * SECOND)
    assert "a" in flaps.told, "until that was told"
    assert not flaps.flaps(None, "a", 300 * SECOND), "nothing is said of it any more"


def test_events_that_change_nothing_make_the_share_less() -> None:
    flaps = Flaps()
    for second in range(0, 100, 2):
        flaps.add(TEN_MINUTES, "a", second % 10 == 0, second * SECOND)
    assert not flaps.flaps(TEN_MINUTES, "a", 100 * SECOND), "ten of fifty"
    for second in range(0, 100, 2):
        flaps.add(TEN_MINUTES, "b", second % 10 != 0, second * SECOND)
    assert flaps.flaps(TEN_MINUTES, "b", 100 * SECOND)


def test_what_is_steady_takes_no_memory() -> None:
    flaps = Flaps()
    for second in range(1000):
        flaps.add(TEN_MINUTES, str(second % 100), False, second * SECOND)
    assert not flaps.counts and not flaps
    changed(flaps, list(range(0, 600, 10)))
    assert len(flaps.counts["a"]) == 20
    flaps.prune(1300 * SECOND)
    assert not flaps.counts
    changed(flaps, [2000])
    for second in range(2010, 4000, 10):
        flaps.add(TEN_MINUTES, "a", False, second * SECOND)
    assert not flaps.counts


def test_another_window_begins_anew_and_it_is_saved() -> None:
    flaps = Flaps()
    changed(flaps, list(range(0, 600, 60)))
    again = Flaps.of_plain(flaps.to_plain())
    assert again == flaps and again.flaps(TEN_MINUTES, "a", 600 * SECOND)
    again.add(FlappingRecord(60 * SECOND, 0.25, 0.5, 0, EventsSeq(2)), "a", True, 600 * SECOND)
    assert again.counts == {"a": [[200, 1, 1]]} and again.window == 60 * SECOND
