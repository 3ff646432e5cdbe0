"""sample, shift, default, delete, changeDetect, log: what Kapacitor 1.5.7 answered for the same points."""

from __future__ import annotations

import pytest

from services.runtime.errors import TaskFailed
from tests.support.graph import Batch, Point, ScriptRun

FROM = "stream|from().measurement('m').groupBy('host')"
COUNT_4 = "|window().periodCount(4).everyCount(4)"


def run_of(chain: str, *lines: str) -> ScriptRun:
    """A chain behind `from`, over points whose times are seconds."""
    return ScriptRun(f"{FROM}{chain}|httpOut('end')").write("\n".join(f"{line}000000000" for line in lines))


def points_of(run: ScriptRun) -> list[Point]:
    return [g for g in run.last("http_out") if isinstance(g, Point)]


def values_of(run: ScriptRun, field: str = "v") -> list[object]:
    """A field of what came out, batches as lists."""
    given = run.last("http_out")
    return [g.fields[field] if isinstance(g, Point) else [f[field] for _, _, f in g.points] for g in given]  # type: ignore[union-attr]


def test_sample_takes_every_nth_of_a_group_and_counts_anew_in_batches() -> None:
    lines = [f"m,host={'ab'[i % 2]} v={i}i {i}" for i in range(8)]
    assert values_of(run_of("|sample(3)", *lines)) == [0, 1, 6, 7]
    assert values_of(run_of(f"|groupBy(){COUNT_4}|sample(3)", *lines)) == [[0, 3], [4, 7]]


def test_a_window_of_less_than_no_points_keeps_the_task_from_starting() -> None:
    with pytest.raises(TaskFailed, match=r"^window node must not have a negative period count$"):
        run_of("|window().periodCount(-2).everyCount(1)")


def test_a_duration_in_a_unit_of_nothing_is_infinite_or_no_number(recwarn: pytest.WarningsRecorder) -> None:
    first, second = values_of(
        run_of(
            "|stateDuration(lambda: TRUE).unit(0s).as('v')|eval(lambda: string(\"v\")).as('v')", "m v=1 1", "m v=1 2"
        )
    )
    assert (first, second) == ("NaN", "+Inf") and not recwarn.list


def test_sample_by_duration_takes_multiples_counted_from_the_year_1() -> None:
    times = [1700000000, 1700000000, 1700000005, 1700000010, 1699999990, 1700000003]
    lines = [f"m v={i}i {t}" for i, t in enumerate(times)]
    assert values_of(run_of("|sample(10s)", *lines)) == [0, 1, 3, 4]
    assert values_of(run_of("|sample(7s)", *lines)) == [i for i, t in enumerate(times) if (t + 62_135_596_800) % 7 == 0]


def test_shift_moves_points_and_batches() -> None:
    assert [p.time // 10**9 for p in points_of(run_of("|shift(5m)", "m v=1 0", "m v=2 4"))] == [300, 304]
    (batch,) = run_of("|window().period(10s).every(10s)|shift(1d)", "m v=1 0", "m v=2 12").last("http_out")
    assert isinstance(batch, Batch)
    assert batch.time == (86400 + 10) * 10**9 and batch.points[0][1] == 86400 * 10**9


@pytest.mark.parametrize(
    ("node", "reason"), [("sample(0)", "invalid sample rate"), ("shift(0s)", "invalid shift value")]
)
def test_what_cannot_be_does_not_start(node: str, reason: str) -> None:
    with pytest.raises(TaskFailed, match=reason):
        ScriptRun(f"{FROM}|{node}")


def test_default_moves_a_point_into_the_group_of_its_tag() -> None:
    run = run_of("|default().tag('host', 'none').field('w', 1)", "m,host=a v=1 0", 'm v=2,w="x" 1', "m,host=none v=3 2")
    assert [(p.group, p.fields["w"]) for p in points_of(run)] == [("host=a", 1), ("host=none", "x"), ("host=none", 1)]
    counts = run.counts()["default2"]
    assert (counts["fields_defaulted"], counts["tags_defaulted"]) == (2, 1)


def test_default_sets_the_tags_of_a_batch_too() -> None:
    window = "|window().periodCount(2).everyCount(2)|default().field('v', 0.0).tag('rack', 'r0')"
    (batch,) = run_of(window, "m,host=a,rack=r1 v=1 0", "m,host=a w=2 1").last("http_out")
    assert isinstance(batch, Batch)
    assert batch.tags == {"host": "a", "rack": "r0"}
    assert [(tags["rack"], fields["v"]) for tags, _, fields in batch.points] == [("r1", 1.0), ("r0", 0.0)]


def test_default_and_delete_count_a_batch_like_a_point_without_fields() -> None:
    window = "|window().periodCount(2).everyCount(2)"
    lines = ["m,host=a,rack=r1 v=1 0", "m,host=a v=2 1"]
    counts = run_of(f"{window}|default().field('v', 0.0).tag('rack', 'r0').tag('host', 'x')", *lines).counts()
    assert (counts["default3"]["fields_defaulted"], counts["default3"]["tags_defaulted"]) == (1, 2)
    counts = run_of(f"{window}|delete().field('v').tag('host')", *lines).counts()
    assert (counts["delete3"]["fields_deleted"], counts["delete3"]["tags_deleted"]) == (2, 3)


def test_errors_of_a_quiet_eval_do_not_count() -> None:
    for quiet, errors in [("", 1), (".quiet()", 0)]:
        run = run_of(f"|eval(lambda: \"v\").as('w'){quiet}", "m v=1 0", "m x=2 1")
        assert len(points_of(run)) == 1
        assert run.counts()["eval2"]["errors"] == errors


def test_a_default_does_not_widen_a_group_by_star() -> None:
    run = ScriptRun("stream|from().groupBy(*)|default().tag('rack', 'r0')|httpOut('end')").write("m,host=a v=1 0")
    assert [(p.group, p.tags) for p in points_of(run)] == [("host=a", {"host": "a", "rack": "r0"})]


def test_delete_takes_fields_and_tags_and_groups_become_one() -> None:
    run = run_of(
        "|delete().field('x').tag('host').tag('nosuch')|count('v')", "m,host=a v=1,x=1 0", "m,host=b v=2 0", "m v=1 1"
    )
    assert [(p.group, p.fields) for p in points_of(run)] == [("", {"count": 2})]
    counts = run.counts()["delete2"]
    assert (counts["fields_deleted"], counts["tags_deleted"]) == (1, 2)


def test_change_detect_looks_at_value_and_type_and_passes_over_what_is_missing() -> None:
    lines = ["v=1i", "v=1i,w=2", "v=2i", "w=3", "v=2i", "v=2", 'v="2"', 'v="2"', "v=true", "v=T"]
    run = run_of("|changeDetect('v')", *(f"m {fields} {i}" for i, fields in enumerate(lines)))
    assert [p.time // 10**9 for p in points_of(run)] == [0, 2, 5, 6, 8]
    assert run.counts()["changeDetect2"]["errors"] == 1


def test_change_detect_of_several_fields() -> None:
    lines = ["a=1,b=1", "a=1,b=1,c=5", "a=1,b=2", "a=1", "b=2", "a=1,b=2", "a=2", "b=2", "c=2", "b=2"]
    run = run_of("|changeDetect('a', 'b')", *(f"m {fields} {i}" for i, fields in enumerate(lines)))
    assert [p.time // 10**9 for p in points_of(run)] == [0, 2, 6, 7]


def test_change_detect_begins_anew_in_each_batch() -> None:
    run = run_of(f"{COUNT_4}|changeDetect('v')", *(f"m v={v} {i}" for i, v in enumerate([1, 1, 2, 2, 2, 2, 2, 2])))
    assert values_of(run) == [[1.0, 2.0], [2.0]]


def test_log_hands_on_what_it_logs() -> None:
    assert values_of(run_of("|log().prefix('seen').level('DEBUG')", "m v=1 0", "m v=2 1")) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("given", "path"), [("a", "a"), ("/a", "a"), ("a/", "a"), ("a//b/./c", "a/b/c"), ("../a b", "a b"), ("ü?", "ü?")]
)
def test_an_endpoint_is_found_at_its_shortest_path(given: str, path: str) -> None:
    assert ScriptRun(f"{FROM}|httpOut('{given}')").run.endpoints() == [path]


def test_a_derivative_that_is_not_negative_drops_what_falls_and_what_goes_back_in_time() -> None:
    lines = ["m v=1 0", "m v=5 10", "m v=6 5", "m v=8 15", "m v=2 16", "m v=2 14", "m v=4 16"]
    run = run_of("|derivative('v').nonNegative()", *lines)
    # what is dropped is still the base of what follows
    assert [(p.time // 10**9, p.fields["v"]) for p in points_of(run)] == [(10, 0.4), (15, 0.2), (16, 1.0)]
    assert run.counts()["derivative2"]["errors"] == 0
    run = run_of("|derivative('v')", *lines)
    assert [p.fields["v"] for p in points_of(run)] == [0.4, -0.2, 0.2, -6.0, 0.0, 1.0]
