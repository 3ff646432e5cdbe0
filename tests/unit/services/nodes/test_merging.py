"""What the recorded cases do not show of nodes that put points together or watch the clock."""

from __future__ import annotations

from typing import Any

import pytest

from services.runtime.effects import Failure
from services.store import codec
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


@pytest.mark.parametrize("node", ["join(b).as('a', 'b').fill(0)", "union(b)"])
def test_a_barrier_is_enough_to_get_past_a_parent_that_never_gave_anything(node: str) -> None:
    script = f"""var a = stream|from().measurement('a').groupBy('h')|barrier().idle(5s)
        var b = stream|from().measurement('b').groupBy('h')|barrier().idle(5s)
        a|{node}|httpOut('x')"""
    run = ScriptRun(script, precision="s").write("a,h=x v=1i 100\na,h=x v=2i 101")
    name = node[: node.index("(")]
    assert not points(run, name)
    run.restart().tick(NOW + 6 * SECOND)
    # a join takes the parent past the barrier before: it has the time between two of them to come up with something
    assert len(points(run, name)) == (0 if name == "join" else 2)
    run.restart().tick(NOW + 11 * SECOND)
    assert [p.time // SECOND for p in points(run, name)] == [100, 101]
    # what comes next waits for the next barrier, or for that parent once it has given something
    run.clock = NOW + 11 * SECOND
    run.restart().write("a,h=x v=3i 113")
    assert len(points(run, name)) == 2
    run.write("b,h=x v=4i 112\na,h=x v=5i 114\nb,h=x v=6i 115")
    assert {p.time // SECOND for p in points(run, name)[2:]} >= {112, 113}


def test_a_group_that_one_parent_never_had_leaves_by_a_barrier_of_the_other() -> None:
    script = """var a = stream|from().measurement('a').groupBy('h')|barrier().idle(5s)
        var b = stream|from().measurement('b').groupBy('h')|barrier().idle(5s)
        a|join(b).as('a', 'b').fill('null')|httpOut('x')"""
    run = ScriptRun(script, precision="s").write("a,h=x v=1i 100\na,h=y v=2i 100\nb,h=y v=3i 100")
    run.tick(NOW + 11 * SECOND)
    assert [(p.group, p.fields) for p in points(run, "join")] == [
        ("h=y", {"a.v": 2, "b.v": 3}),
        ("h=x", {"a.v": 1, "b.v": None}),
    ]


def test_barriers_let_finer_groups_go_alone_where_they_are_joined_with_coarser_ones() -> None:
    script = """var fine = stream|from().measurement('f').groupBy('h', 'c')|barrier().idle(5s)
        var coarse = stream|from().measurement('c').groupBy('h')|barrier().idle(7s)
        fine|join(coarse).as('f', 'c').on('h').fill(0)|httpOut('x')"""
    run = ScriptRun(script, precision="s").write(
        "f,h=x,c=1 v=1i 100\nc,h=x v=2i 100\nf,h=x,c=1 v=3i 101\nf,h=x,c=2 v=4i 101"
    )
    assert [p.fields["f.v"] for p in points(run, "join")] == [1]
    run.restart().tick(NOW + 6 * SECOND)
    assert len(points(run, "join")) == 1, "the coarser group has not come so far"
    run.restart().tick(NOW + 8 * SECOND)
    assert [(p.group, p.fields) for p in points(run, "join")][1:] == [
        ("c=1,h=x", {"f.v": 3, "c.v": 0}),
        ("c=2,h=x", {"f.v": 4, "c.v": 0}),
    ]
    # of another host no coarser point has ever come: there the finer group's own barrier is enough
    run.clock = NOW + 8 * SECOND
    run.write("f,h=y,c=1 v=5i 200").tick(NOW + 19 * SECOND)
    assert [(p.group, p.fields) for p in points(run, "join")][3:] == [("c=1,h=y", {"f.v": 5, "c.v": 0})]


@pytest.mark.parametrize("measurement", ["measurement('a')", 'where(lambda: isPresent("x"))'])
def test_a_join_is_called_as_its_first_parent_whoever_is_missing(measurement: str) -> None:
    script = f"""var b = stream|from().measurement('b')
        stream|from().{measurement}|join(b).as('a', 'b').fill(0).nameFromFirst()|httpOut('x')"""
    lines = ["b y=1 1", "b y=2 2", "a x=1 2", "b y=3 3", "a x=2 3", "b y=5 5", "a x=6 6", "b y=7 7", "b y=8 8"]
    one_by_one, together = ScriptRun(script), ScriptRun(script).write("\n".join(lines)).restart().finish()
    for line in lines:
        one_by_one.write(line)
    one_by_one.restart().finish()
    found = [(p.time, p.name) for p in points(one_by_one, "join")]
    assert found == [(time, "a") for time in (1, 2, 3, 5, 6, 7, 8)]
    assert [(p.time, p.name) for p in points(together, "join")] == found


def test_windows_tell_those_below_of_ended_groups_and_of_nothing_else() -> None:
    script = """stream|from().groupBy('h')|barrier().idle(2s).delete(TRUE)|window().period(2s).every(2s)|groupBy('k')
        |count('v')|httpOut('x')"""
    run = ScriptRun(script, precision="s").write("m,h=a,k=1 v=1 1\nm,h=b,k=1 v=1 1\nm,h=a,k=1 v=1 3\nm,h=b,k=1 v=1 3")
    run.clock = NOW + SECOND
    run.write("m,h=b,k=1 v=1 4").restart().tick(NOW + 3 * SECOND)
    assert [p.time // SECOND for p in points(run, "count")] == [3], "of b more may come of the time that is held"
    run.tick(NOW + 4 * SECOND)
    assert [(p.time // SECOND, p.fields["count"]) for p in points(run, "count")] == [(3, 2), (5, 3)]


def test_joins_get_past_windows_that_have_nothing_to_tell_by_the_barriers_above_them() -> None:
    of = "stream|from().measurement('{m}').groupBy('h')|barrier().idle(2s)|window().period(2s).every(2s)|mean('v')"
    script = "".join(f"var {m} = {of.format(m=m)}\n" for m in "ab")
    script += """a|join(b).as('a', 'b').fill(0)|httpOut('x')
        a|groupBy('h')|flatten().on('h')|join(b).as('a', 'b').fill(0)|httpOut('z')"""
    run = ScriptRun(script, precision="s").write("a,h=x v=1 100\na,h=y v=2 100\nb,h=y v=3 100\na,h=y v=4 103")
    run.restart().tick(NOW + 5 * SECOND)
    found = {n: sorted((p.group, p.time // SECOND) for p in run.out[n] if isinstance(p, Point)) for n in run.out}
    assert [found[n] for n in found if n.startswith("join")] == [[("h=x", 102), ("h=y", 102), ("h=y", 105)]] * 2


def test_what_an_older_version_saved_is_taken_up() -> None:
    script = """var d = stream|from().measurement('m').groupBy('h')
        d|where(lambda: "v" > 2.0)|join(d).as('a', 'b').fill(0)|httpOut('x')
        d|where(lambda: "v" > 2.0)|union(d)|httpOut('y')
        stream|from().groupBy('h', 'k')|join(d).as('a', 'b').on('h').fill(0)|httpOut('z')
        d|window().period(2s).every(2s)|groupBy('k')|httpOut('w')"""
    lines = [
        "m,h=a,k=1 v=1 1",
        "m,h=a,k=1 v=3 2",
        "n,h=b,k=1 v=3 2",
        "m,h=a,k=2 v=1 4",
        "m,h=a,k=1 v=3 6",
        "m,h=a v=5 8",
    ]
    runs = [ScriptRun(script, precision="s").write(*lines[:4]) for _ in range(2)]
    state = _of_before(codec.unpack(codec.pack(runs[1].run.state())))
    runs[1].run.close()
    runs[1]._start()
    runs[1].run.restore(state)
    for run in runs:
        run.write(*lines[4:]).finish()
    assert runs[0].out == runs[1].out


def _of_before(state: Any) -> Any:
    """Saved state without what the versions before barriers let joins and unions go on did not save."""
    if isinstance(state, dict):
        kept = {k: v for k, v in state.items() if k not in ("given", "barred", "called", "sources", "for_joins")}
        if "marks" in state:
            kept["held"] = kept["held"][:6]
        if "meetings" in state:
            kept["meetings"] = [meeting[:4] for meeting in kept["meetings"]]
        return {k: _of_before(v) for k, v in kept.items()}
    return [_of_before(one) for one in state] if isinstance(state, list) else state
