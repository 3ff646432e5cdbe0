"""Barriers: the times that they bear, and pauses of the run's clock."""

from __future__ import annotations

import pytest

from tests.support.graph import NOW, Barrier, ScriptRun

SECOND = 10**9
MS = 10**6


def barriers(run: ScriptRun) -> list[tuple[str, int]]:
    """(group, ms since NOW) of all that were given."""
    return [(b.group, (b.time - NOW) // MS) for b in run.last("barrier") if isinstance(b, Barrier)]


def write(run: ScriptRun, ms: int, host: str) -> None:
    run.write(f"m,h={host} v=1 {NOW + ms * MS}", stored=[NOW + ms * MS])


@pytest.mark.parametrize("look", [10, 333, 5000])
def test_a_period_bears_the_time_at_which_it_was_due(look: int) -> None:
    run = ScriptRun("stream|from().groupBy('h')|barrier().period(1s)|httpOut('x')")
    write(run, 0, "a")
    write(run, 1, "b")
    for ms in range(look, 2500 + look, look):
        run.tick(NOW + min(ms, 2500) * MS)
    assert barriers(run) == [("h=a", 1000), ("h=b", 1001), ("h=a", 2000), ("h=b", 2001)]


def test_silence_counts_from_when_a_point_came_however_late_it_is_looked() -> None:
    run = ScriptRun("stream|from().groupBy('h')|barrier().idle(1s)|httpOut('x')")
    run.write(
        *(f"m,h=a v=1 {NOW + ms * MS}" for ms in (0, 400, 1300, 4000)),
        stored=[NOW + ms * MS for ms in (0, 400, 1300, 4000)],
    )
    assert barriers(run) == [("h=a", 2300), ("h=a", 3300)]


@pytest.mark.parametrize(("kind", "expected"), [("idle", [("h=a", 1000)]), ("period", [("h=a", 6000)])])
def test_after_a_pause_a_whole_interval_is_observed_first(kind: str, expected: list[tuple[str, int]]) -> None:
    run = ScriptRun(f"stream|from().groupBy('h')|barrier().{kind}(1s)|httpOut('x')")
    write(run, 0, "a")
    run.tick(NOW + 500 * MS)
    run.restart().run.resume(NOW + 4700 * MS)
    run.tick(NOW + 5500 * MS)
    assert barriers(run) == []
    run.tick(NOW + 6100 * MS)
    assert barriers(run) == expected


def test_groups_that_fall_silent_together_are_told_of_together() -> None:
    run = ScriptRun("stream|from().groupBy('h')|barrier().idle(64s)|httpOut('x')")
    hosts = range(50)
    run.write("\n".join(f"m,h={h} v=1 {NOW}" for h in hosts), stored=[NOW + 1])
    for host in hosts:
        write(run, 10 * host + 1, str(host))
    assert run.run.next_tick() == NOW + 65 * SECOND
    run.tick(NOW + 65 * SECOND)
    assert len(barriers(run)) == 50
    assert run.run.next_tick() == NOW + 129 * SECOND
