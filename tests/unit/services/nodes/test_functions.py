"""The InfluxQL functions: what Kapacitor 1.5.7 answered for the same points."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from grammar.tickscript.ast import TickscriptError
from tests.support.graph import Batch, Point, ScriptRun

FROM = "stream|from().measurement('m').groupBy('host')"
Fields = dict[str, Any]


def at(*lines: str) -> str:
    """Lines of measurement m whose times are seconds."""
    return "\n".join(line + "000000000" for line in lines)


def given(script: str, lines: str) -> list[Point | Batch]:
    """What a script's last node gives, as one frame."""
    run = ScriptRun(f"{script}|httpOut('end')").write(lines)
    last = list(run.out)[-1]  # which hands everything on unchanged, and wants to see it all
    return [g for g in run.out[last] if isinstance(g, Point | Batch)]


INTS = ["m v=3i 0", "m v=10i 1", "m v=3i 2", "m v=4i 3", "m v=4i 4", "m v=1i 7", "m v=0i 10"]
TENS = [10, 100, 20, 90, 30, 80, 40, 70, 50, 60]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("count('v')", 6),
        ("mean('v')", 4.166666666666667),
        ("median('v')", 3.5),
        ("mode('v')", 3),
        ("spread('v')", 9),
        ("sum('v')", 25),
        ("stddev('v')", pytest.approx(3.0605010483034745)),
        ("min('v')", 1),
        ("max('v')", 10),
        ("first('v')", 3),
        ("last('v')", 1),
    ],
)
def test_a_window_of_ints(function: str, value: Any) -> None:
    name = function.split("(")[0]
    (point,) = given(f"{FROM}|window().period(10s).every(10s)|{function}", at(*INTS))
    assert isinstance(point, Point)
    assert point.fields == {name: value} and point.time == 10 * 10**9 and point.name == "m"
    assert type(point.fields[name]) is (int if isinstance(value, int) else float)
    assert point.tags == ({} if name in ("min", "max", "first", "last") else {"host": ""})


@pytest.mark.parametrize(
    ("p", "value"), [(5.0, 10), (15.0, 20), (25.0, 30), (50.0, 50), (94.0, 90), (95.0, 100), (99.9, 100), (4.9, None)]
)
def test_percentile_is_by_nearest_rank(p: float, value: float | None) -> None:
    lines = at(*(f"m v={v} {i}" for i, v in enumerate(TENS)))
    found = given(f"{FROM}|window().periodCount(10).everyCount(10)|percentile('v', {p})", lines)
    assert [g.fields for g in found if isinstance(g, Point)] == ([] if value is None else [{"percentile": value}])


def test_selectors_keep_the_whole_point_and_rename_the_field() -> None:
    lines = at(
        "m,host=a,cpu=0 v=5,w=10i 0",
        'm,host=a,cpu=1 v=9,w=11i,s="x" 2',
        "m,host=a,cpu=2 v=1,w=12i 3",
        "m,host=a v=9,w=13i 4",
        "m,host=a v=0 10",
    )
    window = f"{FROM}|window().period(10s).every(10s)"
    (point,) = given(f"{window}|max('v').usePointTimes()", lines)
    assert point[2:5] == ({"cpu": "1", "host": "a"}, 2 * 10**9, {"max": 9.0, "s": "x", "w": 11})
    (point,) = given(f"{window}|max('v').as('w')", lines)
    assert point[2:5] == ({"cpu": "1", "host": "a"}, 10 * 10**9, {"s": "x", "w": 9.0})
    (point,) = given(f"{window}|min('v').as('v')", lines)
    assert point[2:5] == ({"cpu": "2", "host": "a"}, 10 * 10**9, {"v": 1.0, "w": 12})


def test_the_first_point_sets_the_type_and_others_are_passed_over() -> None:
    lines = at("m v=1i 0", "m v=2.5 1", "m v=3i 2", 'm v="x" 3', "m w=1 4", "m w=1 5", "m w=1 6", "m w=1 7")
    window = f"{FROM}|window().periodCount(4).everyCount(4)"
    assert [p[4] for p in given(f"{window}|sum('v')", lines)] == [{"sum": 4}, {"sum": 0.0}]
    assert [p[4] for p in given(f"{window}|count('v')", lines)] == [{"count": 2}, {"count": 0}]
    assert [p[4] for p in given(f"{window}|max('v')", lines)] == [{"max": 3}]
    run = ScriptRun(f"{window}|mean('v')").write(lines)
    assert run.counts()["mean3"]["errors"] == 6


def test_on_a_stream_points_of_one_time_are_given_when_the_next_time_comes() -> None:
    lines = at(
        "m,host=a,x=1 v=1 0",
        "m,host=a,x=2 v=5,w=7 0",
        "m,host=b,x=1 v=10 0",
        "m,host=a,x=3 v=3 0",
        "m,host=a v=4 2",
        "m,host=b v=20 2",
        "m,host=a v=6 1",
        "m,host=a w=1 3",
        "m,host=a v=7 4",
    )
    found = given(f"{FROM}|count('v')", lines)
    assert [(g.group, g.time // 10**9, g[4]["count"]) for g in found if isinstance(g, Point)] == [
        ("host=a", 0, 3),
        ("host=b", 0, 1),
        ("host=a", 2, 1),
        ("host=a", 1, 1),
    ]
    highest = given(f"{FROM}|max('v')", lines)[0]
    assert highest[2:5] == ({"host": "a", "x": "2"}, 0, {"max": 5.0, "w": 7.0})


def test_distinct_and_top_on_a_stream_make_a_batch_of_each_time() -> None:
    lines = at(
        "m,host=a,x=1 v=1i 0",
        "m,host=a,x=2 v=5i 0",
        "m,host=a,x=3 v=1i 0",
        "m,host=a,x=4 v=3i 0",
        "m,host=a,x=1 v=4i 1",
    )
    (batch,) = given(f"{FROM}|distinct('v')", lines)
    assert isinstance(batch, Batch)
    assert batch.points == [({"host": "a"}, 0, {"distinct": v}) for v in (1, 3, 5)]
    (batch,) = given(f"{FROM}|top(2, 'v')", lines)
    assert isinstance(batch, Batch)
    assert batch.points == [({"host": "a", "x": x}, 0, {"top": v}) for x, v in (("2", 5), ("4", 3))]


def test_top_with_a_tag_takes_the_best_of_each() -> None:
    lines = at("m,x=1 v=5 0", "m,x=1 v=9 1", "m,x=2 v=7 2", "m,x=3 v=1 3", "m v=9 4", "m v=0 10")
    (batch,) = given(f"{FROM}|window().period(10s).every(10s)|top(2, 'v', 'x').usePointTimes()", lines)
    assert isinstance(batch, Batch)
    assert [(t // 10**9, f["top"]) for _, t, f in batch.points] == [(1, 9.0), (4, 9.0)]


@pytest.mark.parametrize(
    ("function", "name", "windows"),
    [
        ("difference('v')", "difference", [[3, -2, 7], [2, 0, -3]]),
        ("movingAverage('v', 2)", "movingAverage", [[2.5, 3.0, 5.5], [2.0, 3.0, 1.5]]),
        ("cumulativeSum('v')", "cumulativeSum", [[1, 5, 7, 16], [1, 4, 7, 7]]),
        ("elapsed('v', 1s)", "elapsed", [[1, 1, 3], [1, 0, 3]]),
        ("elapsed('v', 100ms).as('ds')", "ds", [[15, 15, 30], [19, 0, 30]]),
    ],
)
def test_transformations_begin_anew_in_each_batch(function: str, name: str, windows: list[list[float]]) -> None:
    values = [(1, 0), (4, 1500), (2, 3000), (9, 6000), (1, 7000), (3, 8999), (3, 9000), (0, 12000)]
    lines = "\n".join(f"m,host=a,x={i} v={v}i {t}000000" for i, (v, t) in enumerate(values))
    found = given(f"{FROM}|window().periodCount(4).everyCount(4)|{function}", lines)
    assert [[f[name] for _, _, f in b.points] for b in found if isinstance(b, Batch)] == windows
    assert isinstance(found[0], Batch)
    assert found[0].points[-1][:2] == ({"host": "a"}, 6 * 10**9)


@pytest.mark.parametrize(
    ("function", "results"),
    [
        ("cumulativeSum('v')", [(1, 1.0), (2, 3.0), (2, 3.0), (2, 3.0), (5, 7.0), (5, 7.0)]),
        ("movingAverage('v', 2)", [(2, 1.5), (2, 1.5), (2, 1.5), (5, 3.0), (5, 3.0)]),
        ("elapsed('v', 1s)", [(2, 1), (2, 1), (2, 1), (5, 3), (5, 3)]),
        ("difference('v')", [(2, 1.0), (5, 2.0)]),
    ],
)
@pytest.mark.parametrize("node", ["", "|window().periodCount(7).everyCount(7)"])
def test_a_point_without_a_usable_value_has_the_last_result_go_out_again(
    node: str, function: str, results: list[tuple[int, float]]
) -> None:
    lines = at("m w=5 0", "m v=1 1", "m v=2 2", "m w=5 3", 'm v="x" 4', "m v=4 5", "m v=7i 6")
    found = given(f"{FROM}{node}|{function}", lines)
    points = [p[1:] for b in found for p in b.points] if node else [p[3:5] for p in found]  # type: ignore[union-attr]
    assert [(t // 10**9, *f.values()) for t, f in points] == results  # type: ignore[union-attr]


def test_the_last_result_of_a_group_outlasts_a_restart_and_is_its_own() -> None:
    run = ScriptRun(f"{FROM}|cumulativeSum('v')|httpOut('end')")
    run.write(at("m,host=a v=1i 0", "m,host=b v=1.5 1", "m,host=a v=2i 2")).restart()
    run.write(at("m,host=b w=1 3", "m,host=c w=1 3", "m,host=a w=1 4"))
    assert [(p.group, p.time // 10**9, p.fields["cumulativeSum"]) for p in run.last("http_out")[3:]] == [  # type: ignore[union-attr]
        ("host=b", 1, 1.5),
        ("host=a", 2, 3),
    ]


def test_what_an_older_version_saved_repeats_nothing_until_there_is_a_result() -> None:
    run = ScriptRun(f"{FROM}|cumulativeSum('v')").write(at("m v=1 0"))
    saved = run.nodes["cumulativeSum2"].state()
    del saved["results"]
    later = ScriptRun(f"{FROM}|cumulativeSum('v')")
    later.nodes["cumulativeSum2"].restore(saved)
    later.write(at("m w=1 1", "m v=2 2", "m w=1 3"))
    assert [(p.time // 10**9, p.fields) for p in later.last("cumulativeSum")] == [  # type: ignore[union-attr]
        (2, {"cumulativeSum": 3.0}),
        (2, {"cumulativeSum": 3.0}),
    ]


def test_elapsed_is_cut_off_towards_zero_and_ends_at_what_an_int_holds() -> None:
    lines = at("m v=1 0", "m v=1 5", "m v=1 3", "m v=1 -9000000000", "m v=1 9000000000", "m v=1 -9000000000")
    most = 2**63 // 2_000_000_000
    found = [p[4]["elapsed"] for p in given(f"{FROM}|elapsed('v', 2s)", lines)]
    assert found == [2, -1, -4_500_000_001, most, -most]


@pytest.mark.parametrize("function", ["holtWinters", "holtWintersWithFit"])
def test_points_that_span_too_many_intervals_are_an_error_and_give_no_forecast(function: str) -> None:
    run = ScriptRun(f"stream|from()|window().periodCount(2).everyCount(2)|{function}('v', 3, 0, 1u)|log()")
    run.write(f"m v=1 0\nm v=2 {3600 * 10**9}")
    name = next(name for name in run.out if name.startswith("holt"))
    (batch,) = run.out[name]
    assert isinstance(batch, Batch) and batch.points == []
    assert run.counts()[name]["errors"] == 1
    assert run.reasons == [f"cannot perform {function}: points span more than 1000000 intervals of 1µs"]


def test_a_horizon_has_a_bound() -> None:
    with pytest.raises(TickscriptError, match="holtWinters horizon must be at most 1000000"):
        ScriptRun("stream|from()|window().period(1m).every(1m)|holtWinters('v', 1000001, 0, 1s)")


def test_holt_winters_goes_on_with_a_straight_line() -> None:
    lines = at(*(f"m,host=a v={100 * (i + 1)} {10 * i}" for i in range(8)))
    window = f"{FROM}|window().periodCount(8).everyCount(8)"
    (batch,) = given(f"{window}|holtWinters('v', 3, 0, 10s)", lines)
    assert isinstance(batch, Batch)
    assert [(t // 10**9, round(f["holtWinters"], -1)) for _, t, f in batch.points] == [
        (80, 900),
        (90, 1000),
        (100, 1100),
    ]
    (batch,) = given(f"{window}|holtWintersWithFit('v', 2, 0, 10s).as('hw')", lines)
    assert isinstance(batch, Batch)
    assert [round(f["hw"], -1) for _, _, f in batch.points] == [100 * (i + 1) for i in range(10)]
    assert batch.time == 90 * 10**9


def test_nan_is_neither_smaller_nor_larger() -> None:
    script = f"""{FROM}|eval(lambda: "v" / "w").as('v')|window().periodCount(3).everyCount(3)"""
    lines = at("m v=0,w=0 0", "m v=1,w=1 1", "m v=2,w=1 2", "m v=3,w=1 3", "m v=0,w=0 4", "m v=2,w=1 5")
    found = [p[4]["max"] for p in given(f"{script}|max('v')", lines)]
    assert found[0] != found[0] and found[1] == 3.0


@pytest.mark.parametrize(("function", "errors"), [("sum('v')", [0, 1, 1, 2, 2, 3]), ("count('v')", [0, 1, 1, 1, 1, 2])])
@pytest.mark.parametrize("cuts", [(), (1,), (3,), (1, 2, 3, 4, 5)])
def test_on_a_stream_what_cannot_be_used_counts_as_soon_as_it_comes(
    function: str, errors: list[int], cuts: tuple[int, ...]
) -> None:
    lines = ["m v=1 0", "m w=1 0", "m v=2 0", 'm v="x" 1', "m v=3i 2", "m v=4 2"]
    run = ScriptRun(f"{FROM}|{function}|httpOut('end')")
    for begin, end in itertools.pairwise([0, *cuts, len(lines)]):
        run.write(at(*lines[begin:end]))
        assert run.counts()[f"{function[:-5]}2"]["errors"] == errors[end - 1]


@pytest.mark.parametrize(("function", "i", "b"), [("first", 2, False), ("last", 4, True)])
def test_first_and_last_of_equal_times(function: str, i: int, b: bool) -> None:
    lines = ["m i=1i 1", "m i=2i 1", "m b=t 1", "m b=f 1", "m i=3i 2", "m i=4i 2", "m b=f 2", "m b=t 2"]
    window = f"{FROM}|window().periodCount(8).everyCount(8)"
    for field, chosen in (("i", i), ("b", b)):
        (point,) = given(f"{window}|{function}('{field}')", at(*lines))
        assert isinstance(point, Point)
        assert point.fields == {function: chosen}


def test_points_of_top_have_the_tags_of_their_group_and_their_own() -> None:
    lines = ["m,host=a,x=1 v=1 1", "m,host=a v=2 2"]
    script = "stream|from().groupBy('host', 'dc')|window().periodCount(2).everyCount(2)|top(2, 'v')"
    (batch,) = given(script, at(*lines))
    assert isinstance(batch, Batch)
    assert [tags for tags, _, _ in batch.points] == [{"dc": "", "host": "a", "x": "1"}, {"dc": "", "host": "a"}]
