"""Which traces and backtests are dropped."""

from __future__ import annotations

from services.bus.positions import EventsSeq
from services.recorder.inspection.retention import LONGEST_NS, MOST, surplus
from services.store.folds.inspections import InspectionRecord

NOW = 10 * LONGEST_NS


def record(number: int, status: str, ended: int) -> InspectionRecord:
    return InspectionRecord("trace", {}, str(number), EventsSeq(number), 0, status, ended=ended)


def test_the_last_ones_stay_for_some_days_and_those_under_way_in_any_case() -> None:
    running = [record(number, "running", 0) for number in range(2 * MOST)]
    fresh = [record(1000 + number, "finished", NOW - number) for number in range(MOST + 2)]
    assert [one.id for one in surplus([*running, *fresh], NOW)] == [str(1000 + MOST), str(1001 + MOST)]
    old = [record(1, "failed", NOW - LONGEST_NS - 1), record(2, "failed", NOW - LONGEST_NS)]
    assert [one.id for one in surplus([*old, *running], NOW)] == ["1"]
