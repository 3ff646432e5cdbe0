"""A task over a part of the log: what comes out does not show how it was cut, and the messages' times tell the time."""

from __future__ import annotations

from typing import Any

import pytest

from grammar.tickscript.parser import parse
from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.columns.groups.series import SeriesTable
from services.dryrun.log_run import LogRun
from services.dryrun.rows import rows_of
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import get
from services.runtime.effects import Alerts
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
WINDOWED = """
stream|from().measurement('m').groupBy('host')|window().periodCount(2).everyCount(1)|mean('x').as('x')
    |alert().crit(lambda: "x" > 5.0).stateChangesOnly().topic('t')
"""
SILENT = "stream|from().measurement('m').groupBy('host')|deadman(1.0, 10s).topic('t')"


class Watching:
    """Keeps all that leaves nodes, as rows, by the node's name."""

    def __init__(self, run: TaskRun) -> None:
        self._run = run
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.entered: list[str] = []

    def enters(self, node: int, inputs: Any) -> None:
        self.entered.append(self._run.nodes()[node][0].name)

    def leaves(self, node: int, messages: Any) -> None:
        name = self._run.nodes()[node][0].name
        for message in messages:
            self.rows.setdefault(name, []).extend(rows_of(message, self._run.table))


def task(script: str, id: str = "cpu", db: str = "db") -> TaskRun:
    graph = compile_script(parse(script), registry()).graph
    environment = TaskEnvironment(dry=True)
    return TaskRun(id, graph, [(db, "rp")], classes(), SeriesTable(), get("test"), environment)


def messages(n: int, db: str = "db") -> list[StoredMessage]:
    """One a second, each with a point of two hosts."""
    subject = write_subject(db, "rp")
    bodies = [f"m,host=a x={i} {T0 + i * SECOND}\nm,host=b x=1 {T0 + i * SECOND}" for i in range(n)]
    return [StoredMessage(i + 1, subject, body.encode(), None, T0 + i * SECOND) for i, body in enumerate(bodies)]


@pytest.mark.parametrize("cut", [1, 3, 100])
async def test_what_comes_out_does_not_show_how_the_log_was_cut(cut: int) -> None:
    given = messages(10)
    with LogRun(task(WINDOWED)) as run:
        watching = Watching(run.run)
        run.run.observe(watching)
        effects = [e for i in range(0, 10, cut) for e in await run.take(given[i : i + cut])]
    raised = [e for e in effects if isinstance(e, Alerts)]
    assert [(seq, level) for e in raised for seq, level in zip(e.seq.tolist(), e.level.tolist(), strict=True)] == [
        (7, 3)
    ]
    assert run.position == 10
    assert [row["fields"]["x"] for row in watching.rows["mean3"] if row["group"] == "host=a"][-2:] == [7.5, 8.5]
    assert watching.rows["alert4"] == [
        {
            "point": "m",
            "group": "host=a",
            "time": "2023-11-14T22:13:26Z",
            "tags": {"host": "a"},
            "fields": {"x": 5.5},
        }
    ]
    assert watching.entered[:2] == ["stream0", "from1"]


async def test_it_begins_behind_its_position_and_passes_over_what_is_of_other_databases() -> None:
    with LogRun(task(WINDOWED), position=messages(1)[0].seq) as run:  # type: ignore[arg-type]
        await run.take(messages(2, db="other"))
        await run.take(messages(3))
        assert run.run.statistics()["node-stats"]["from1"]["emitted"] == 2


async def test_the_log_tells_the_time() -> None:
    with LogRun(task(SILENT)) as run:
        effects = await run.take(messages(3))
        assert [e for e in effects if isinstance(e, Alerts)] == []
        effects = await run.reach(T0 + 60 * SECOND)
    dead = [e for e in effects if isinstance(e, Alerts)]
    assert sorted(id for e in dead for id in e.ids)[:1] == ["host=a:from1 for task 'cpu'"]


async def test_what_is_no_line_protocol_is_told() -> None:
    bad = StoredMessage(1, write_subject("db", "rp"), b"no line protocol", None, T0)
    with LogRun(task(WINDOWED)) as run:
        await run.take([bad, *messages(3)[1:]])
        assert [one.seq for one in run.refused] == [1]
        assert run.run.statistics()["node-stats"]["from1"]["emitted"] == 4
