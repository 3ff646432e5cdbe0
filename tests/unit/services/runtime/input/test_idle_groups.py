"""Groups that get no points any more are forgotten by the whole graph, and begin anew when they come back."""

from __future__ import annotations

from services.runtime.environment import TaskEnvironment
from tests.support.graph import NOW, Barrier, Point, ScriptRun

SECOND = 10**9
AGE = TaskEnvironment(group_idle_age=8 * SECOND)

EVERY_KIND = """
    var a = stream|from().measurement('m').groupBy('h')
    a|window().period(4s).every(2s)|httpOut('batches')|groupBy('k')|sum('v')
    a|stateDuration(lambda: "v" > 0.0)|alert().crit(lambda: TRUE).topic('t')|httpOut('points')
    a|sum('v')|movingAverage('sum', 3)
    a|flatten().on('k')
    a|combine(lambda: TRUE, lambda: TRUE).as('x', 'y')
    a|derivative('v')|join(stream|from().measurement('n').groupBy('h')).as('l', 'r')
    a|barrier().idle(1h)|sample(2)
    a|groupBy('k')|changeDetect('v')|eval(lambda: count()).as('c')
"""


def alive(run: ScriptRun) -> int:
    return sum(node.groups_alive() for node in run.nodes.values())


def write(run: ScriptRun, at: int, *hosts: str) -> None:
    run.clock = NOW + at * SECOND
    lines = [f"{name},h={h},k={h} v=1 {at * SECOND}" for h in hosts for name in ("m", "n")]
    run.write("\n".join(lines))


def test_every_node_lets_go_of_idle_groups() -> None:
    run = ScriptRun(EVERY_KIND, environment=AGE)
    for at in range(5):
        write(run, at, "a", "b")
    both = alive(run)
    for at in range(5, 25):
        write(run, at, "a")
        run.tick(run.clock)
    assert alive(run) == both // 2
    run.tick(NOW + 40 * SECOND)
    assert alive(run) == 0
    run.tick(NOW + 60 * SECOND)
    assert run.run.next_tick() is None


def test_groups_that_points_are_put_into_by_other_tags_end_too() -> None:
    script = """
        var a = stream|from().measurement('m').groupBy('h', 'x')
        a|default().tag('x', 'y')|sum('v')
        a|delete().tag('h')|sum('v')
        a|eval(lambda: string("v")).as('h').tags('h')|window().period(2s).every(2s)
    """
    run = ScriptRun(script, environment=AGE)
    write(run, 0, "a", "b")
    assert alive(run) > 0
    run.restart().tick(NOW + 20 * SECOND)
    assert alive(run) == 0


def test_a_group_that_comes_back_begins_anew_over_a_restart_too() -> None:
    script = """stream|from().groupBy('h')|stateDuration(lambda: TRUE)|httpOut('x')"""
    run = ScriptRun(script, environment=AGE)
    write(run, 0, "a")
    write(run, 3, "a")
    run.restart()
    run.tick(NOW + 20 * SECOND)
    write(run, 21, "a")
    ends = [given for given in run.out["from1"] if isinstance(given, Barrier)]
    assert [(e.delete, e.time) for e in ends] == [(True, 11 * SECOND)]
    durations = [p.fields["state_duration"] for p in run.out["state_duration2"] if isinstance(p, Point)]
    assert durations == [0.0, 0.0, 3.0, 3.0, 0.0, 0.0]


def test_without_the_setting_the_clock_does_not_call() -> None:
    script = "stream|from().groupBy('h')|groupBy('k')|window().period(2s).every(2s)"
    assert not ScriptRun(script).run.timed
    assert ScriptRun(script, environment=AGE).run.timed


def test_a_deadman_lets_go_of_the_groups_it_counts() -> None:
    run = ScriptRun("stream|from().groupBy('h')|deadman(0.0, 2s).topic('t')", environment=AGE)
    write(run, 0, *map(str, range(20)))
    run.tick(NOW + 5 * SECOND)
    assert alive(run) >= 2 * 20
    run.tick(NOW + 30 * SECOND)
    assert alive(run) == 2, "the group that stands for none, in derivative and alert"
