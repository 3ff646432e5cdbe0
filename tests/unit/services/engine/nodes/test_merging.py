"""What the recorded cases do not show of nodes that put points together or watch the clock."""

from __future__ import annotations

import pytest

from services.engine.effects import Failure
from tests.support.graph import NOW, Barrier, Batch, Point, ScriptRun

SECOND = 10**9


def points(run: ScriptRun, node: str) -> list[Point]:
    return [p for p in run.last(node) if isinstance(p, Point)]


def test_nulls_of_a_join_are_there_and_have_no_value() -> None:
    script = """var l = stream|from().measurement('l')
        l|join(stream|from().measurement('r')).as('l', 'r').fill('null')
            |eval(lambda: isPresent("r.x")).as('there').keep()|httpOut('x')"""
    run = ScriptRun(script).write("l x=1 1\nr x=2 2\nl x=3 3\nr x=4 4")
    assert [p.fields for p in points(run, "eval")] == [
        {"l.x": 1.0, "r.x": None, "there": False},
        {"l.x": None, "r.x": 2.0, "there": True},
    ]
    assert run.restart().endpoint("x")["series"][0]["values"] == [["1970-01-01T00:00:00.000000002Z", None, 2.0, True]]


def test_a_group_that_all_parents_have_ended_is_flushed_and_forgotten() -> None:
    script = """var l = stream|from().measurement('l').groupBy('h')|barrier().idle(5s).delete(TRUE)
        var r = stream|from().measurement('r').groupBy('h')|barrier().idle(5s).delete(TRUE)
        l|join(r).as('l', 'r').fill(0)|httpOut('x')"""
    run = ScriptRun(script, precision="s").write("l,h=a v=1i 1\nr,h=a v=2i 1\nl,h=a v=3i 2\nl,h=b v=4i 1")
    name = next(n for n in run.nodes if n.startswith("join"))
    assert run.nodes[name].groups_alive() == 2
    run.tick(NOW + 6 * SECOND)
    assert [p.fields for p in points(run, "join")] == [
        {"l.v": 1, "r.v": 2},
        {"l.v": 3, "r.v": 0},
        {"l.v": 4, "r.v": 0},
    ]
    assert {b.group for b in run.last("join") if isinstance(b, Barrier) and b.delete} == {"h=a", "h=b"}
    assert run.nodes[name].groups_alive() == 0


def test_a_join_of_more_than_one_kind_of_group_goes_on_by_kinds_of_groups() -> None:
    script = """var a = stream|from().measurement('a').groupBy(*)
        stream|from().measurement('b').groupBy('h')|join(a).as('b', 'a').fill(0)|groupBy('h')|httpOut('x')"""
    run = ScriptRun(script).write("a,h=x v=1 1\nb,h=x v=2 1\na,h=x v=3 2\na,h=x v=4 3\nb,h=x v=5 3")
    assert [(p.name, p.fields["a.v"], p.fields["b.v"]) for p in points(run, "join")] == [
        ("b", 1.0, 2.0),
        ("a", 3.0, 0),
        ("b", 4.0, 5.0),
    ]


def test_flatten_leaves_out_a_point_that_lacks_a_tag_without_a_trace() -> None:
    run = ScriptRun("stream|from()|flatten().on('a', 'b')|httpOut('x')")
    run.write("m,a=1,b=1 v=1 1\nm,a=2 v=2 1\nm,a=3,b=3 v=3 1\nm,a=4,b=4 v=4 2")
    assert [p.fields for p in points(run, "flatten")] == [{"1.1.v": 1.0, "3.3.v": 3.0}]
    assert run.counts()["flatten2"]["errors"] == 1


def test_too_many_combinations_end_the_task_after_what_came_before() -> None:
    run = ScriptRun("stream|from()|combine(lambda: TRUE, lambda: TRUE).as('x', 'y').max(2)|httpOut('x')")
    run.write("m v=1 1\nm v=2 1\nm v=3 2\nm v=4 2\nm v=5 2\nm v=6 3\nm v=7 3\nm v=8 4")
    assert [p.fields for p in points(run, "combine")] == [{"x.v": 1.0, "y.v": 2.0}]
    assert run.effects[-1] == Failure(
        "combine2: refusing to perform combination as total combinations 3 exceeds max combinations 2"
    )


def test_an_idle_barrier_goes_on_with_the_time_of_its_group_and_keeps_older_points_back() -> None:
    run = ScriptRun("stream|from().groupBy('h')|barrier().idle(5s)|httpOut('x')", precision="s")
    run.write("m,h=a v=1 100\nm,h=b v=1 200").tick(NOW + 12 * SECOND)
    barriers = [(b.group, b.time // SECOND) for b in run.last("barrier") if isinstance(b, Barrier)]
    assert barriers == [("h=a", 105), ("h=b", 205), ("h=a", 110), ("h=b", 210)]
    run.restart().write("m,h=a v=2 109\nm,h=a v=3 110")
    assert [p.time // SECOND for p in points(run, "barrier")] == [100, 200, 110]


def test_stats_counts_points_by_group_those_of_batches_too() -> None:
    run = ScriptRun(
        "stream|from().groupBy('h')|window().periodCount(2).everyCount(2)|stats(10s)|httpOut('x')", precision="s"
    )
    run.tick(NOW + 100 * SECOND)
    assert not run.last("stats")
    run.write("m,h=a v=1 1\nm,h=b v=1 1\nm,h=a v=1 2\nm,h=b v=1 2\nm,h=a v=1 3\nm,h=a v=1 4")
    run.restart().tick(NOW + 25 * SECOND)
    found = [((p.time - NOW) // SECOND, p.group, p.fields) for p in points(run, "stats")]
    assert found == [(t, f"h={h}", {"emitted": n}) for t in (10, 20) for h, n in (("a", 4), ("b", 2))]


@pytest.mark.parametrize(("lines", "levels"), [("", [3, 3]), ("m,h=a v=1 5\nm,h=a v=1 6", [0, 3])])
def test_a_deadman_watches_groups_from_their_first_point_on(lines: str, levels: list[int]) -> None:
    run = ScriptRun("stream|from().groupBy('h')|deadman(1.0, 10s).topic('t')", precision="s")
    run.write("m,h=a v=1 1").tick(NOW + 10 * SECOND)
    if lines:
        run.write(lines)
    run.tick(NOW + 30 * SECOND)
    assert run.counts()["alert5"]["collected"] == 2
    assert [len(e.level) for e in run.effects] == [1] * levels.count(3)  # type: ignore[union-attr]


def test_a_point_is_folded_whatever_is_wanted_of_it() -> None:
    lines = "m,k=1 v=1 1\nm,k=1 w=2 2\nm v=3 3\nm,k=1 v=4 4\nm,k=1 v=5 5"
    for wanted in ("1.v", "1.w", "none"):
        run = ScriptRun(f"stream|from()|flatten().on('k')|window().periodCount(9).everyCount(1)|count('{wanted}')")
        assert run.write(lines).counts()["flatten2"]["emitted"] == 3


def test_the_last_point_of_a_batch_leaves_without_fields_too() -> None:
    run = ScriptRun("stream|from()|window().periodCount(3).everyCount(3)|flatten().on('k')|httpOut('x')")
    run.write("m v=1 1", "m,k=1 v=2 2", "m v=3 3")
    (batch,) = run.last("flatten")
    assert isinstance(batch, Batch)
    assert [(time, fields) for _, time, fields in batch.points] == [(2, {"1.v": 2.0}), (3, {})]
