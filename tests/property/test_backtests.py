"""A backtest finds what the task did that had the same points, from wherever it counts and however the log is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.tickscript.parser import parse
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.subjects import write_subject
from services.columns.groups.series import SeriesTable
from services.dryrun.backtesting.comparison import Comparison
from services.dryrun.backtesting.findings import Findings
from services.dryrun.backtesting.log_backtest import LogBacktest, Stretch
from services.dryrun.backtesting.raised import RaisedEvent, raised
from services.dryrun.log_run import LogRun
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import get
from services.runtime.effects import Alerts
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun
from tests.property.test_clocks import Written, logs
from tests.support.examples import examples
from tests.support.graph import NOW, ScriptRun

FROM = "stream|from().measurement('m').groupBy('h')"
SCRIPTS = {
    "levels": f"""{FROM}|alert().crit(lambda: "v" > 0.0).topic('t')""",
    "changes of a window": f"""{FROM}|window().period(2s).every(500ms)|count('v')
        |alert().warn(lambda: "count" > 2).crit(lambda: "count" > 4).stateChangesOnly().topic('t')""",
    "counts": f"""{FROM}|stateCount(lambda: "v" > 0.0)|alert().crit(lambda: "state_count" > 1).topic('t')""",
    "deadman": f"""{FROM}|deadman(0.0, 1s).topic('t').stateChangesOnly()""",
    "joined": f"""var m = {FROM}
        m|join(m|where(lambda: "v" > 0.0)).as('a', 'b').tolerance(100ms)|alert().info(lambda: TRUE).topic('t')""",
    "flapping": f"""{FROM}|alert().crit(lambda: "v" > 0.0).flapping(0.25, 0.5).topic('t')""",
}
END = NOW + 3600 * 10**9


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
@examples(10)
@given(logs(), st.data())
def test_it_finds_what_the_task_did(script: str, log: list[Written], data: st.DataObject) -> None:
    counted = data.draw(st.integers(0, len(log)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(log)), max_size=4)) | {len(log)})
    begin = log[counted - 1].stored if counted else log[0].stored - 1
    done = _done(script, log)
    expected = [e for e in done if (e.cause[0] > counted if e.cause[0] >= 0 else begin < -e.cause[0] <= END)]
    found, findings, comparison = asyncio.run(
        _backtested(
            script, log, cuts, Stretch(begin, END, WritesSeq(0), WritesSeq(counted), WritesSeq(len(log))), expected
        )
    )
    assert found == expected
    assert comparison.counts() == {"same": len(expected), "new": 0, "missing": 0, "level": 0}
    summary = findings.summary()
    assert summary["alerts"] == len(expected) == sum(summary["levels"].values())
    assert sum(summary["transitions"].values()) == sum(line["changes"] for line in findings.by_id())


def _done(script: str, log: list[Written]) -> list[RaisedEvent]:
    """What the task did, which had one message after the other."""
    run = ScriptRun(script, began=log[0].stored)
    for message in log:
        run.tick(message.stored)
        run.write(message.body, stored=[message.stored])
    run.tick(END)
    run.close()
    return [e for effect in run.effects if isinstance(effect, Alerts) for e in _raised(effect)]


def _raised(effect: Alerts) -> list[RaisedEvent]:
    return list(raised(effect, effect.id_of, effect.message_of))


async def _backtested(
    script: str, log: list[Written], cuts: list[int], stretch: Stretch, expected: list[RaisedEvent]
) -> tuple[list[RaisedEvent], Findings, Comparison]:
    subject = write_subject("db", "rp")
    messages = [StoredMessage(i, subject, m.body.encode(), None, m.stored) for i, m in enumerate(log, 1)]
    graph = compile_script(parse(script), registry()).graph
    environment = TaskEnvironment(dry=True)
    run = TaskRun("t", graph, [("db", "rp")], classes(), SeriesTable(), get("test"), environment, log[0].stored)
    comparison, found = Comparison(), list[RaisedEvent]()
    for event in expected:
        comparison.expect(event)

    def raises(event: RaisedEvent) -> None:
        found.append(event)
        comparison.take(event)

    findings = Findings(graph, stretch.begin, stretch.end, raises)
    lines: list[dict[str, Any]] = []
    with LogRun(run) as log_run:
        backtest = LogBacktest(log_run, stretch, findings)
        at = 0
        for cut in cuts:
            lines += await backtest.take(messages[at:cut])
            at = cut
        lines += await backtest.end()
    assert len([line for line in lines if line["kind"] == "alert"]) == len(found)
    return found, findings, comparison
