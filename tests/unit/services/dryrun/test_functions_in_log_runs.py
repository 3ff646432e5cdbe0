"""A task with a function over a part of the log: its answers are waited for, those to the first messages among them."""

from __future__ import annotations

from grammar.tickscript.parser import parse
from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.columns.groups.series import SeriesTable
from services.dryrun.log_run import LogRun
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import get
from services.runtime.effects import Alerts
from services.runtime.environment import TaskEnvironment
from services.runtime.task import TaskRun
from tests.support.udf import function

T0 = 1_700_000_000 * 10**9
SCRIPT = "stream|from().measurement('m')@echo()|alert().crit(lambda: \"x\" > 1.0).topic('t')"


async def test_what_a_function_answers_is_taken_in() -> None:
    graph = compile_script(parse(SCRIPT), registry(functions={"echo": function("echo", "echo")})).graph
    run = TaskRun("t", graph, [("db", "rp")], classes(), SeriesTable(), get("test"), TaskEnvironment(dry=True))
    message = StoredMessage(1, write_subject("db", "rp"), f"m x=2 {T0}".encode(), None, T0)
    with LogRun(run) as log_run:
        effects = await log_run.take([message])
    assert [effect.level.tolist() for effect in effects if isinstance(effect, Alerts)] == [[3]]
