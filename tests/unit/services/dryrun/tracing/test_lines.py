"""What is seen of a task: by node, tags and condition; of one group the same whether it goes through alone or not."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from grammar.tickscript.parser import parse, parse_lambda
from services.alerting.handlers import specs
from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.columns.groups.series import SeriesTable
from services.dryrun.log_run import LogRun
from services.dryrun.sifting import Sift, can_sift
from services.dryrun.tracing.alone import goes_alone
from services.dryrun.tracing.heard import Heard
from services.dryrun.tracing.lines import TraceLines
from services.dryrun.tracing.wanted import Wanted
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun

SECOND = 10**9
T0 = 1_700_000_000
FROM = "stream|from().measurement('m').groupBy('host')"
ALONE = {
    "windows": f"{FROM}|window().period(4s).every(2s)|mean('v').as('v')|alert().crit(lambda: \"v\" > 1.0).topic('t')",
    "states": f'{FROM}|stateCount(lambda: "v" > 2)|where(lambda: "state_count" > 1)|httpOut(\'x\')',
    "remembers": f"{FROM}|where(lambda: count() % 2 == 0)|derivative('v')|log()",
    "regrouped": "stream|from()|groupBy('cpu', 'host')|changeDetect('v')|log()",
    "all tags": "stream|from().groupBy(*)|movingAverage('v', 3)",
}
TOGETHER = {
    "not grouped": "stream|from()|window().periodCount(3).everyCount(1)|max('v')",
    "other group": "stream|from().groupBy('cpu')|mean('v')",
    "union": f"var a = {FROM}\nvar b = {FROM}\na|union(b)",
    "clock": f"{FROM}|deadman(0.0, 2s)",
    "counts all": "stream|from().where(lambda: count() > 3).groupBy('host')",
    "other tags": f"{FROM}|default().tag('host', 'x')|httpOut('x')",
}


def task(script: str, log: Heard | None = None) -> TaskRun:
    graph = compile_script(parse(script), registry(specs())).graph
    environment = TaskEnvironment(dry=True)
    return TaskRun("t", graph, [("db", "rp")], classes(), SeriesTable(), log or Heard(), environment)


def messages() -> list[StoredMessage]:
    """Of three hosts, whose names begin alike; some with what makes lines hard to tell apart."""
    subject, headers, found = write_subject("db", "rp"), {"precision": "s", "received": "5"}, []
    for i in range(12):
        lines = [f"m,host={h},cpu={i % 2} v={(i * 7 + len(h)) % 5}i {T0 + i}" for h in ("h1", "h10", "h")]
        if i % 4 == 1:
            lines.insert(1, f'm,cpu=0,host=h1 s="a\n,host=h1 b",v=1i {T0 + i}')
        if i % 4 == 2:
            lines = ["# a comment", "", *lines]
        if i % 4 == 3:
            lines.append(f"m,cpu=1,host=h1 v=2i,w=7 {T0 + i}\n")
        stored = StoredMessage(i + 1, subject, "\n".join(lines).encode(), headers, (T0 + i) * SECOND)
        found.append(stored if i % 5 else stored._replace(headers={"precision": "s"}))
    return found


async def seen(run: TaskRun, wanted: Wanted, alone: bool, cut: int = 5) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    with LogRun(run) as log_run:
        watching = TraceLines(run, wanted, 10_000)
        run.observe(watching)
        log_run.sift = Sift(wanted.group) if alone else None
        given = messages()
        for at in range(0, len(given), cut):
            watching.add(await log_run.take(given[at : at + cut]))
            lines += watching.taken()
        watching.add(await log_run.reach((T0 + 60) * SECOND))
        lines += watching.taken()
    assert watching.found == len(lines)
    return lines


def by_node(lines: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By node and kind, as what would have been done is told behind what came along in as much as went at once."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["node"], line["kind"]].append(line)
    return found


@pytest.mark.parametrize("script", ALONE.values(), ids=ALONE)
async def test_a_group_alone_is_what_it_is_among_others(script: str) -> None:
    wanted = Wanted(group={"host": "h1"})
    assert goes_alone(task(script), wanted.group)
    among = await seen(task(script), wanted, alone=False)
    for cut in (1, 5, 100):
        assert by_node(await seen(task(script), wanted, alone=True, cut=cut)) == by_node(among)
    assert {line["origin"]["seq"] for line in among if line["node"] == "stream0"} == set(range(1, 13))


@pytest.mark.parametrize("script", TOGETHER.values(), ids=TOGETHER)
def test_what_others_matter_to_goes_with_them(script: str) -> None:
    assert not goes_alone(task(script), {"host": "h1"})


def test_tags_that_could_be_written_otherwise_are_not_looked_for() -> None:
    assert can_sift({"host": "db-1.example:80"})
    assert not any(can_sift(tags) for tags in ({}, {"host": "a b"}, {"host": "a=b"}, {"h,": "a"}, {"host": ""}))


async def test_by_node_with_what_goes_in() -> None:
    lines = await seen(task(ALONE["windows"]), Wanted("mean3", {"host": "h1"}), alone=False)
    assert {line["node"] for line in lines} == {"mean3"}
    assert {(line["kind"], line.get("from"), "batch" in line) for line in lines} == {
        ("in", "window2", True),
        ("out", None, False),
    }


async def test_by_condition_and_what_would_have_been_done() -> None:
    wanted = Wanted(group={"host": "h1"}, where=parse_lambda('"v" > 1.0'))
    lines = await seen(task(ALONE["windows"]), wanted, alone=False)
    alerts = [line for line in lines if line["kind"] == "alert"]
    assert alerts and {alert["level"] for alert in alerts} == {"CRITICAL"}
    assert {alert["data"]["series"][0]["tags"]["host"] for alert in alerts} == {"h1"}
    assert all(line["fields"]["v"] > 1 for line in lines if "point" in line)


@pytest.mark.parametrize(
    ("where", "mistake"), [('"v" > "none"', "none"), ("\"v\" > 'a'", "mismatched"), ('"w" > 1', ""), ('"v" > 100', "")]
)
async def test_a_condition_that_can_be_evaluated_for_no_point_says_so(where: str, mistake: str) -> None:
    run = task(FROM)
    with LogRun(run) as log_run:
        watching = TraceLines(run, Wanted(where=parse_lambda(where)), 10)
        run.observe(watching)
        assert watching.mistaken == ""
        await log_run.take(messages())
    assert mistake in watching.mistaken and bool(mistake) == bool(watching.mistaken)


def test_a_node_that_is_not_there() -> None:
    with pytest.raises(LookupError, match="the task had no where9 then, but stream0, from1"):
        TraceLines(task(ALONE["windows"]), Wanted("where9"), 1)


async def test_errors_are_heard_and_not_logged() -> None:
    heard = Heard()
    run = task(f'{FROM}|where(lambda: "none" > 1)', heard)
    with LogRun(run) as log_run:
        await log_run.take(messages())
    ((reason, count),) = heard.reasons["where2"].items()
    assert "none" in reason and count >= 1


async def test_of_few_lines_each_point_is_told_from_node_to_node() -> None:
    run = task(f"{FROM}|eval(lambda: \"v\" + 1).as('w').keep()|httpOut('x')")
    with LogRun(run) as log_run:
        watching = TraceLines(run, Wanted(), 10)
        run.observe(watching)
        watching.add(await log_run.take(messages()))
        lines = list(watching.taken())
        everything = watching.found
        watching.add(await log_run.take([one._replace(seq=one.seq + 100) for one in messages()]))
        assert list(watching.taken()) == [] and watching.found > everything > 10
    nodes = ["stream0", "from1", "eval2", "http_out3"]
    assert [(line["origin"]["row"], line["node"]) for line in lines] == [(i // 4, nodes[i % 4]) for i in range(10)]
