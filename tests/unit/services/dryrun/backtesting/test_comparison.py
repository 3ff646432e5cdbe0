"""Two scripts side by side: events of one id and time are of one another."""

from __future__ import annotations

import pytest

from services.dryrun.backtesting import comparison as comparison_module
from services.dryrun.backtesting.comparison import Comparison, TooManyEvents
from services.dryrun.backtesting.raised import RaisedEvent

T0 = 1_700_000_000 * 10**9


def event(time: int, level: int = 3, id: str = "a") -> RaisedEvent:
    return RaisedEvent("alert2", id, level, T0 + time * 10**9, 0, "said", (time, 0, 0))


def test_events_are_the_same_new_missing_or_of_another_level() -> None:
    comparison = Comparison()
    for expected in (event(1), event(2), event(3), event(4, id="b")):
        comparison.expect(expected)
    for taken in (event(1), event(2, level=2), event(5)):
        comparison.take(taken)
    assert comparison.expected == 4
    assert comparison.counts() == {"same": 1, "new": 1, "missing": 2, "level": 1}
    lines = [(line["difference"], line["id"], line["level"], line.get("against")) for line in comparison.lines()]
    assert lines == [
        ("level", "a", "WARNING", "CRITICAL"),
        ("missing", "a", "CRITICAL", None),
        ("missing", "b", "CRITICAL", None),
        ("new", "a", "CRITICAL", None),
    ]


def test_of_several_events_of_one_id_and_time_those_of_one_level_belong_together() -> None:
    comparison = Comparison()
    for level in (3, 0):
        comparison.expect(event(1, level))
    for level in (1, 3):
        comparison.take(event(1, level))
    assert comparison.counts() == {"same": 1, "new": 0, "missing": 0, "level": 1}
    (line,) = comparison.lines()
    assert (line["level"], line["against"]) == ("INFO", "OK")


def test_nothing_against_nothing() -> None:
    assert Comparison().counts() == {"same": 0, "new": 0, "missing": 0, "level": 0}
    assert not list(Comparison().lines())


def test_no_more_events_wait_than_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison_module, "MOST", 3)
    comparison = Comparison()
    for time in range(3):
        comparison.expect(event(time))
    comparison.take(event(0))
    comparison.expect(event(4))
    with pytest.raises(TooManyEvents, match=r"more than 3 alert events .* a shorter time"):
        comparison.take(event(5))
