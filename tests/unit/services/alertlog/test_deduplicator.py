"""What has been seen of a node: of a task in parts each part for itself, and all before a layout by all its parts."""

from __future__ import annotations

import numpy as np

from services.alertlog.deduplicator import Deduplicator
from services.bus.positions import PartOf

STARTED = 5


def new(seen: Deduplicator, *seqs: int, part: PartOf | None = None, started: int = STARTED) -> list[int]:
    """Which of some events, each of another write (or tick: negative) are new."""
    seq, zero = np.array(seqs, dtype=np.int64), np.zeros(len(seqs), dtype=np.int64)
    return list(seqs[seen.first_new(started, seq, zero, zero, part) :])


def test_parts_are_in_no_order_among_each_other() -> None:
    seen = Deduplicator()
    assert new(seen, 10, part=(7, 0)) == [10]
    assert new(seen, 8, part=(7, 1)) == [8]
    assert new(seen, 8, 9, part=(7, 1)) == [9]
    assert new(seen, 10, part=(7, 0)) == []


def test_a_layout_begins_behind_all_that_was_sent_before_it() -> None:
    seen = Deduplicator()
    assert new(seen, 3, 4) == [3, 4]
    assert new(seen, 4, 6, part=(7, 0)) == [6], "replayed from before the layout"
    assert new(seen, 5, part=(7, 1)) == [5]
    assert new(seen, 9) == [], "what ran whole has sent all it had"
    assert new(seen, 6, 7, part=(9, 0)) == [7], "whichever part it was of"
    assert new(seen, 8, part=(7, 1)) == []


def test_a_later_run_may_be_whole_again() -> None:
    seen = Deduplicator()
    assert new(seen, 10, part=(7, 0)) == [10]
    assert new(seen, 10, 11, started=20) == [11]
    assert new(seen, 12, started=20) == [12]
    assert new(seen, 13, part=(7, 0)) == []


def test_ticks_go_on_behind_those_of_all_parts_before() -> None:
    seen = Deduplicator()
    assert new(seen, -100, part=(7, 0)) == [-100]
    assert new(seen, -90, part=(7, 1)) == [-90]
    assert seen.last_tick(STARTED, (7, 1)) == 90
    assert new(seen, -100, -101, part=(9, 1)) == [-101]
    assert seen.last_tick(STARTED, (9, 0)) == 100
    assert seen.last_tick(STARTED + 1, (9, 0)) == 0


def test_it_is_kept() -> None:
    seen = Deduplicator()
    new(seen, 3)
    assert len(seen.to_plain()) == 3, "as versions without parts have it"
    new(seen, 10, part=(7, 1))
    again = Deduplicator.of_plain(seen.to_plain())
    assert again == seen
    assert new(again, 10, 11, part=(7, 1)) == [11]
