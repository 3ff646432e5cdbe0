"""Whose a state is and where it stands, by what is kept beside it."""

from __future__ import annotations

from typing import Any

import pytest

from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.records import Reached, RunKey, StateHeader

RUN = RunKey(EventsSeq(7), 5)


def header(epoch: int = 0, enabled: int | None = 7, began: int | None = 5) -> StateHeader:
    return StateHeader.from_plain({"enabled": enabled, "began": began, "epoch": epoch, "pieces": "abc"})


def reached(position: int, base: int, epoch: int = 0, enabled: int = 7) -> Reached:
    return Reached(EventsSeq(enabled), WritesSeq(position), WritesSeq(base), epoch)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (header(), True),
        (header(began=6), False),
        (header(enabled=8), False),
        (header(began=None), False),
        (header(enabled=None), False),
        (StateHeader.from_plain({}), False),
    ],
)
def test_a_state_is_of_the_run_that_it_names(of: StateHeader, expected: bool) -> None:
    assert of.is_of(RUN) is expected
    assert (of.stands_at(WritesSeq(10), RUN, None, None) == 10) is expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, 10),
        (reached(30, 10), 30),
        (reached(30, 9), 10),  # for another state
        (reached(30, 10, enabled=8), 10),  # of another run
        (reached(5, 10), 10),  # never before its own
    ],
)
def test_a_state_stands_where_its_task_has_come_to_without_a_change(known: Reached | None, expected: int) -> None:
    assert header().stands_at(WritesSeq(10), RUN, known, None) == expected


def test_a_state_of_writes_that_are_gone_does_not_stand() -> None:
    epochs = Epochs([(0, 1000)])
    epochs.begin(30, 2000)
    assert header(1000).stands_at(WritesSeq(50), RUN, None, epochs) is None
    assert header(2000).stands_at(WritesSeq(50), RUN, None, epochs) == 50
    assert header(1000).stands_at(WritesSeq(50), RUN, None, None) == 50, "it matters to nobody"
    assert header(1000).stands_at(WritesSeq(20), RUN, reached(50, 20, 1000), epochs) == 30, "as far as they are there"
    assert header(1000).stands_at(WritesSeq(20), RUN, reached(50, 20, 2000), epochs) == 50


def test_how_far_a_run_is_comes_back() -> None:
    assert Reached.from_plain(reached(30, 10, 3).to_plain()) == reached(30, 10, 3)
    assert Reached.from_plain([7, 30, 10]) == reached(30, 10)


@pytest.mark.parametrize("plain", [[7, -1, 2], [7, 30, "10"], [7, True, 2], [7], 5, None])
def test_what_is_no_position_is_an_error(plain: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Reached.from_plain(plain)
