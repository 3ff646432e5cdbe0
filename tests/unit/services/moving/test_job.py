"""What becomes of one thing, and what is told of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.config import Config
from schemas.config.overriding import Overridable
from services.moving.job import Job
from services.moving.report import Outcome, Report
from services.moving.servers import Refused, Server

OLD: dict[str, Any] = {"script": "a", "vars": {}}
OTHER: dict[str, Any] = {"script": "b", "vars": {"x": 1}}


@pytest.mark.parametrize(
    ("here", "options", "done", "outcome"),
    [
        (None, {}, ["create"], Outcome.IMPORTED),
        (None, {"dry_run": True}, [], Outcome.IMPORTED),
        (OLD, {"overwrite": True}, [], Outcome.SAME),
        (OTHER, {}, [], Outcome.DIFFERS),
        (OTHER, {"overwrite": True}, ["change"], Outcome.OVERWRITTEN),
        (OTHER, {"overwrite": True, "dry_run": True}, [], Outcome.OVERWRITTEN),
    ],
)
def test_what_becomes_of_a_thing(
    here: dict[str, Any] | None, options: dict[str, bool], done: list[str], outcome: Outcome
) -> None:
    found: list[str] = []
    lines: list[str] = []
    job = make_job(lines, **options)
    job.report.begin("tasks")
    came = job.settle("tasks", "t", here, OLD, lambda: found.append("create"), lambda: found.append("change"))
    assert (came, found) == (outcome, done)
    assert job.report.summary() == [f"tasks  1 {outcome.value}"]
    assert job.report.complete == (outcome is not Outcome.DIFFERS)
    told = ["  tasks t: is here, but with other script, vars; --overwrite brings it to what it is there"]
    assert lines[1:] == (told if outcome is Outcome.DIFFERS else [])


def test_what_is_refused_does_not_stop_the_rest() -> None:
    def refuse() -> None:
        raise Refused(400, "no\n  such node")

    lines: list[str] = []
    report = make_job(lines).report
    report.begin("templates")
    report.begin("tasks")
    job = make_job(lines, report=report)
    assert job.settle("tasks", "t", None, OLD, refuse, refuse) is Outcome.NOT_TAKEN
    assert job.settle("tasks", "u", None, OLD, lambda: None, refuse) is Outcome.IMPORTED
    assert lines == ["templates …", "tasks …", "  tasks t: not taken: no such node"]
    assert report.summary() == ["templates  nothing", "tasks      1 imported, 1 not taken"]
    assert not report.complete


def make_job(lines: list[str], report: Report | None = None, recordings: Path | None = None, **options: bool) -> Job:
    """One whose servers are asked nothing."""
    server = Server("http://127.0.0.1:1")
    given = report or Report(lines.append)
    defaults = Overridable(Config())
    return Job(
        old=server,
        new=server,
        report=given,
        defaults=defaults,
        scripts=lambda script, vars, template: "",
        handlers=lambda handler: "",
        recordings=recordings,
        **options,
    )
