"""The fold of runs in parts: which layouts count, and when the parts of one have taken over from those of another."""

from __future__ import annotations

import pytest

from services.store import codec
from services.store.folds.layouts import Layout, Unit, units_of
from services.store.folds.tasks import ENDED, RECORDS, TASKS, ended_of, has_unit, task_of
from tests.unit.services.store.folds.test_tasks import Log


@pytest.fixture
def log() -> Log:
    """Of a task that runs since event 1."""
    log = Log()
    log.task("t", "defined", status="enabled", position=3)
    log.run("t", "started", enabled=1, position=3, worker="one")
    return log


def layout(log: Log) -> Layout:
    record = task_of(log.state, "t")
    assert record is not None and record.run is not None and record.run.layout is not None
    return record.run.layout


def split(log: Log, *shards: int) -> int:
    return log.run("t", "split", enabled=1, shards=list(shards), tags=["host"])


def hand_over(log: Log, of: int, *positions: int) -> None:
    for part, position in enumerate(positions):
        log.run("t", "paused", enabled=1, layout=of, part=part, position=position)
    for part in range(len(positions)):
        log.run("t", "handed", enabled=1, layout=of, part=part)


def test_parts_take_over_at_the_latest_of_the_places_where_units_have_paused(log: Log) -> None:
    first = split(log, 4, 9)
    assert (layout(log).position, layout(log).settled) == (None, False)
    hand_over(log, first, 20)
    assert (layout(log).position, layout(log).handed_over, layout(log).settled) == (20, True, False)
    for part, worker in enumerate(("one", "two")):
        log.run("t", "part-started", enabled=1, layout=first, part=part, worker=worker)
    assert layout(log).settled and layout(log).workers == {0: "one", 1: "two"}
    second = split(log, 7)
    log.run("t", "paused", enabled=1, layout=second, part=0, position=31)
    assert layout(log).position is None, "the other one may have come further"
    log.run("t", "paused", enabled=1, layout=second, part=1, position=33)
    log.run("t", "paused", enabled=1, layout=second, part=1, position=40)
    assert layout(log).position == 33, "who takes it over does not come further"


def test_one_layout_after_another(log: Log) -> None:
    first = split(log, 4, 9)
    split(log, 1, 2, 3)
    assert layout(log).sequence == first
    log.run("t", "part-started", enabled=1, layout=first + 1, part=0, worker="one")
    assert not layout(log).workers


def test_a_run_that_has_not_started_is_not_split() -> None:
    log = Log()
    log.task("t", "defined", status="enabled", position=3)
    split(log, 4, 9)
    record = task_of(log.state, "t")
    assert record is not None and record.run is not None and record.run.layout is None


def test_a_run_has_stopped_once_all_its_parts_have(log: Log) -> None:
    first = split(log, 4, 9)
    disabled = log.task("t", "disabled", position=50)
    hand_over(log, first, 20)
    (ended,) = ended_of(log.state, "t")
    assert ended.run.layout is not None and ended.run.layout.handed_over
    for part in (0, 1):
        assert not ended_of(log.state, "t")[0].all_stopped
        log.run("t", "part-stopped", enabled=1, disabled=disabled, part=part)
    assert ended_of(log.state, "t")[0].all_stopped
    log.run("t", "stopped", disabled=disabled)
    assert not ended_of(log.state, "t")


def test_the_units_that_there_are(log: Log) -> None:
    def there() -> set[str]:
        return {id for id in ("t", *parts, "other", "other/2.0.1") if has_unit(log.state, id)}

    parts: list[str] = []
    assert there() == {"t"}
    first = split(log, 4, 9)
    before = [unit.id for unit in layout(log).units("t")]
    parts += before
    assert there() == {"t", *before}
    hand_over(log, first, 20)
    for part in (0, 1):
        log.run("t", "part-started", enabled=1, layout=first, part=part, worker="one")
    split(log, 7, 8, 9)
    now = [unit.id for unit in layout(log).units("t")]
    parts += now
    assert there() == {*before, *now}, "whole it is no more"
    log.task("t", "disabled", position=50)
    assert there() == {"t"}
    log.task("t", "deleted", position=50)
    assert there() == set()


def test_it_is_stored(log: Log) -> None:
    first = split(log, 4, 9)
    hand_over(log, first, 20)
    log.run("t", "part-started", enabled=1, layout=first, part=1, worker="two")
    log.run("t", "part-started", enabled=1, layout=first, part=0, worker="two")
    split(log, 2)
    stored = RECORDS[TASKS].from_plain(codec.unpack(codec.pack(log.plain(TASKS, "t"))))
    assert stored == task_of(log.state, "t")
    disabled = log.task("t", "disabled", position=50)
    log.run("t", "part-stopped", enabled=1, disabled=disabled, part=0)
    assert RECORDS[ENDED].from_plain(codec.unpack(codec.pack(log.plain(ENDED, "t")))) == ended_of(log.state, "t")


def test_units_are_known_by_their_ids(log: Log) -> None:
    first = split(log, 4, 9)
    units = units_of("t", layout(log))
    assert units == [Unit("t"), Unit("t", layout(log).sequence, 0, 4), Unit("t", layout(log).sequence, 1, 9)]
    assert [unit.id for unit in units] == ["t", f"t/{first}.0.4", f"t/{first}.1.9"]
    assert [Unit.of_id(unit.id) for unit in units] == units
