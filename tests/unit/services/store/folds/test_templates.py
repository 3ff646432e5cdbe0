"""The fold of templates: a change together with its tasks, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from services.store.folds.event_data import Plain
from services.store.folds.tasks import ENDED
from services.store.folds.templates import TEMPLATES, UNDONE, tasks_of, template_of
from tests.unit.services.store.folds.test_tasks import Log

OLD, NEW = "stream|from().measurement('old')", "stream|from().measurement('new')"
OWN = [{"db": "own", "rp": "rp"}]


class Templates(Log):
    """A log with the template `p` at OLD."""

    def __init__(self) -> None:
        super().__init__()
        self.template("p", "defined", script=OLD)

    def template(self, id: str, what: str, **data: Any) -> int:
        shape = {"id": id, "type": "stream", "dbrps": []} if what != "deleted" else {}
        return self._fold("template", id, what, {**shape, **data})

    def of(self, id: str) -> Plain:
        """A template as it is stored."""
        record = self.plain(TEMPLATES, id)
        assert isinstance(record, dict)
        return record

    def made(self, id: str, enabled: bool = True) -> int:
        """A task made from `p`, running if enabled; gives the event that enabled it."""
        sequence = self.of("p")["sequence"]
        self.task(id, "defined", script=self.of("p")["script"], **{"template-id": "p", "template-sequence": sequence})
        if not enabled:
            return 0
        event = self.task(id, "enabled", position=5)
        self.run(id, "started", enabled=event, position=5, worker="w")
        return event

    def change(self, id: str = "p", script: str = NEW, **more: Any) -> int:
        tasks = {task: record.sequence for task, record in tasks_of(self.state, "p").items()}
        decided = {"script": script, "was": "p", "was-sequence": self.of("p")["sequence"], "tasks": tasks}
        return self.template(id, "updated", **{**decided, "position": 9, **more})


@pytest.fixture
def log() -> Templates:
    return Templates()


def test_a_change_starts_enabled_tasks_anew_and_rewrites_disabled_ones(log: Templates) -> None:
    first = log.made("on")
    log.made("off", enabled=False)
    changed = log.change()
    on, off = log.there("on"), log.there("off")
    assert (on["script"], off["script"], off["run"]) == (NEW, NEW, None)
    run = on["run"]
    assert (run["enabled"], run["position"], run["definition"]["script"]) == (changed, 9, NEW)
    assert run["state"] == "starting"
    (ended,) = log.plain(ENDED, "on")
    assert (ended["sequence"], ended["position"], ended["run"]["enabled"]) == (changed, 9, first)


@pytest.mark.parametrize("kind", ["task changed", "task added", "template changed", "new id taken"])
def test_a_change_that_rests_on_something_else_is_left_aside(log: Templates, kind: str) -> None:
    log.made("t")
    rests_on = {"tasks": {"t": log.there("t")["sequence"]}, "was-sequence": log.of("p")["sequence"]}
    if kind == "task changed":
        log.task("t", "disabled", position=6)
    elif kind == "task added":
        log.made("u")
    elif kind == "template changed":
        log.change(script=OLD, dbrps=OWN)
    else:
        log.template("q", "defined", script=OLD)
    before = (log.of("p"), log.there("t"))
    assert log.void(log.change("q", **rests_on))
    assert (log.of("p"), log.there("t")) == before


def test_a_task_of_a_template_that_has_changed_meanwhile_is_left_aside(log: Templates) -> None:
    known = log.of("p")["sequence"]
    log.made("there")
    log.change()
    late = {"template-id": "p", "template-sequence": known}
    assert log.void(log.task("t", "defined", **late))
    assert log.void(log.task("there", "updated", **late))
    log.template("p", "deleted")
    assert log.void(log.task("t", "defined", **late))
    assert log.there("there")["template-id"] == "p"


def test_a_rename_takes_the_tasks_along_and_starts_none(log: Templates) -> None:
    enabled = log.made("t")
    log.change("q", script=OLD)
    assert template_of(log.state, "p") is None
    assert log.of("q")["created"] == 1000
    assert (log.there("t")["template-id"], log.there("t")["run"]["enabled"]) == ("q", enabled)


def test_dbrps_of_the_script_win_and_stay_when_they_are_gone_from_it(log: Templates) -> None:
    log.made("t")
    log.change(dbrps=OWN)
    assert log.there("t")["dbrps"] == log.there("t")["run"]["definition"]["dbrps"] == OWN
    log.change(script=OLD)
    assert log.there("t")["dbrps"] == OWN


def test_where_one_task_cannot_start_everything_is_taken_back(log: Templates) -> None:
    log.made("a")
    log.made("b")
    log.made("off", enabled=False)
    dbrps = log.there("a")["dbrps"]
    before = log.of("p")
    changed = log.change("q", dbrps=OWN)
    log.run("a", "started", enabled=changed, position=9, worker="w")
    log.task("off", "updated", script=NEW, vars={"n": {"type": "int", "value": 1}}, **{"template-id": "q"})
    failed = log.run("b", "failed", enabled=changed, error="no luck")
    assert template_of(log.state, "q") is None
    assert log.of("p") == before | {"sequence": failed, "before": None}
    for id in ("a", "b"):
        record = log.there(id)
        run = record["run"]
        assert (record["template-id"], record["script"], record["dbrps"], record["error"]) == ("p", OLD, dbrps, "")
        assert (run["enabled"], run["position"], run["definition"]["script"]) == (failed, 9, OLD)
    assert (log.there("off")["script"], log.there("off")["run"]) == (OLD, None)
    assert log.there("off")["vars"] == {"n": {"type": "int", "value": 1, "description": ""}}
    assert log.plain(UNDONE, str(changed)) == {"sequence": failed, "task": "b", "error": "no luck"}
    assert [ended["sequence"] for ended in log.plain(ENDED, "a")] == [changed, failed]


def test_a_task_that_fails_later_takes_nothing_back(log: Templates) -> None:
    log.made("t")
    changed = log.change()
    log.run("t", "started", enabled=changed, position=9, worker="w")
    log.run("t", "failed", enabled=changed, error="later")
    assert (log.of("p")["script"], log.there("t")["script"], log.there("t")["error"]) == (NEW, NEW, "later")
