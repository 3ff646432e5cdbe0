"""stats and deadman where nothing has come, and what they give of what nobody observed."""

from __future__ import annotations

from typing import Any

import pytest

from services.runtime.effects import Alerts
from tests.support.graph import NOW, Point, ScriptRun, plain_effects

SECOND = 10**9
DEADMAN = "|deadman(0.0, 10s).stateChangesOnly().topic('t').id('{{ .Group }}').message('{{ .Level }}')"


def told(run: ScriptRun) -> list[tuple[str, str, int]]:
    """(id, level, seconds since NOW) of the alerts, in order."""
    return [
        (e["id"], e["message"], (e["time"] - NOW) // SECOND) for of in plain_effects(run.effects).values() for e in of
    ]


def given(run: ScriptRun, node: str = "stats") -> list[tuple[int, str, Any]]:
    """(seconds since NOW, group, emitted) of the points of a node."""
    return [((p.time - NOW) // SECOND, p.group, p.fields["emitted"]) for p in run.last(node) if isinstance(p, Point)]


def at(run: ScriptRun, second: float, *hosts: str) -> None:
    """Points of some hosts are stored."""
    if hosts:
        run.write("\n".join(f"m,h={h} v=1 1" for h in hosts), stored=[NOW + int(second * SECOND)])


@pytest.mark.parametrize("source", ["", "|where(lambda: FALSE)", "|window().period(1h).every(1h)"])
@pytest.mark.parametrize("grouped", ["", ".groupBy('h')"])
def test_where_nothing_comes_a_group_nil_is_dead_at_the_second_tick(source: str, grouped: str) -> None:
    run = ScriptRun(f"stream|from().measurement('m'){grouped}{source}{DEADMAN}")
    run.run.begin(NOW + SECOND)
    run.tick(NOW + 19 * SECOND)
    assert told(run) == []
    run.tick(NOW + 40 * SECOND)
    assert told(run) == [("nil", "CRITICAL", 20)]


def test_a_query_without_rows_is_dead_too() -> None:
    run = ScriptRun(f"batch|query('SELECT v FROM db.rp.m').period(1s).every(1s){DEADMAN}")
    run.run.begin(NOW)
    run.effects += run.run.advance(NOW + 40 * SECOND)
    assert told(run) == [("nil", "CRITICAL", 20)]


def test_groups_that_come_take_the_place_of_the_group_nil_which_is_alive_then() -> None:
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN}")
    run.run.begin(NOW)
    run.tick(NOW + 25 * SECOND)
    at(run, 26, "a", "b")
    run.restart().tick(NOW + 35 * SECOND)
    at(run, 36, "a", "b")
    run.tick(NOW + 65 * SECOND)
    assert told(run) == [("nil", "CRITICAL", 20), ("nil", "OK", 30), ("h=a", "CRITICAL", 50), ("h=b", "CRITICAL", 50)]
    assert [g for g in given(run) if not g[1]] == [(10, "", 0), (20, "", 0), (30, "", 2)]


def test_a_group_nil_stays_for_a_deadman_until_there_are_more_points_than_its_threshold() -> None:
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN.replace('0.0', '2.0')}")
    run.run.begin(NOW)
    at(run, 22, "a", "b")
    at(run, 32, "a", "b", "c")
    run.tick(NOW + 65 * SECOND)
    assert [t for t in told(run) if t[0] == "nil"] == [("nil", "CRITICAL", 20), ("nil", "OK", 40)]
    assert [g for g in given(run) if not g[1]] == [(10, "", 0), (20, "", 0), (30, "", 2), (40, "", 5)]


def test_when_all_groups_have_ended_there_is_a_group_nil_again() -> None:
    run = ScriptRun("stream|from().measurement('m').groupBy('h')|barrier().idle(12s).delete(TRUE)|stats(10s).align()")
    run.run.begin(NOW)
    at(run, 5, "a")
    run.tick(NOW + 35 * SECOND)
    assert given(run) == [(10, "h=a", 1), (20, "", 0), (30, "", 0)]


def test_without_align_a_group_nil_comes_once_a_whole_interval_has_passed() -> None:
    run = ScriptRun("stream|from().measurement('m').groupBy('h')|stats(10s)")
    run.run.begin(NOW + 9 * SECOND)
    run.tick(NOW + 35 * SECOND)
    assert given(run) == [(20, "", 0), (30, "", 0)]


def test_after_a_pause_a_whole_interval_is_observed_first() -> None:
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN}")
    for second in (1, 9, 19):
        at(run, second, "a", "b", *(["gone"] if second == 1 else []))
    run.tick(NOW + 21 * SECOND)
    run.restart().run.resume(NOW + 93 * SECOND)
    at(run, 95, "a")
    at(run, 105, "a")
    run.tick(NOW + 112 * SECOND)
    assert told(run) == [("h=gone", "CRITICAL", 20), ("h=b", "CRITICAL", 110)]
    assert sorted({second for second, _, _ in given(run)}) == [10, 20, 100, 110]


def test_a_group_nil_that_was_dead_before_a_pause_is_alive_after_it() -> None:
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN}")
    run.run.begin(NOW)
    run.tick(NOW + 25 * SECOND)
    run.restart().run.resume(NOW + 91 * SECOND)
    at(run, 95, "a")
    at(run, 105, "a")
    run.tick(NOW + 111 * SECOND)
    assert told(run) == [("nil", "CRITICAL", 20), ("nil", "OK", 110)]


def test_differences_begin_anew_as_well() -> None:
    run = ScriptRun("stream|from().measurement('m')|stats(10s)|difference('emitted').as('emitted')")
    at(run, 1, "a")
    at(run, 11, "a")
    run.tick(NOW + 20 * SECOND)
    run.run.resume(NOW + 55 * SECOND)
    at(run, 61, "a", "b")
    run.tick(NOW + 70 * SECOND)
    assert given(run, "difference") == [(20, "", 1), (70, "", 2)]


def test_a_state_of_before_there_was_a_clock_is_taken_up() -> None:
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN}")
    at(run, 1, "a")
    state = run.run.state()
    del state["clock"], state["ticked"]
    for name in ("begun", "none", "based"):
        del state["nodes"]["stats2"][name]
    run = ScriptRun(f"stream|from().measurement('m').groupBy('h'){DEADMAN}")
    run.run.restore(state)
    at(run, 12, "a")
    at(run, 22, "a")
    run.tick(NOW + 45 * SECOND)
    assert told(run) == [("h=a", "CRITICAL", 40)]


def test_what_a_tick_causes_is_known_by_when_it_was_due() -> None:
    """Two looks at the clock, or one that comes late, or the next point."""
    event_ids = []
    for looks in ([15, 31], [44], []):
        run = ScriptRun("stream|from().measurement('m').groupBy('h')|deadman(0.0, 10s).topic('t')")
        at(run, 1, "a")
        for look in looks:
            run.tick(NOW + look * SECOND)
        at(run, 45, "b")
        alerts = [e for e in run.effects if isinstance(e, Alerts)]
        event_ids.append([(e.seq.tolist(), e.ordinal.tolist(), e.time.tolist()) for e in alerts])
    due = [NOW + s * SECOND for s in (20, 30, 40)]
    assert event_ids == [[([-t], [0], [t]) for t in due]] * 3
