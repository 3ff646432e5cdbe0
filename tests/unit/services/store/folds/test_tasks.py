"""The fold of tasks: what counts, and what is left aside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from services.store import codec
from services.store.folds.event_data import Plain
from services.store.folds.state import State
from services.store.folds.tasks import ENDED, RECORDS, TASKS, VOID, EndedRun, TaskRecord, fold, task_of

DEFINITION = {"type": "stream", "script": "stream|from()", "dbrps": [{"db": "d", "rp": "r"}], "vars": {}}


@dataclass
class Told:
    kind: str
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    time_ns: int = field(default=0)


class Log:
    """Folds events and counts their sequence."""

    def __init__(self) -> None:
        self.state = State()
        self.seq = 0

    def task(self, id: str, what: str, **data: Any) -> int:
        if what in ("defined", "updated"):
            data = {**DEFINITION, "id": id, "status": "disabled", "created": "x", **data}
        return self._fold("task", id, what, data)

    def run(self, id: str, what: str, **data: Any) -> int:
        return self._fold("run", id, what, data)

    def there(self, id: str) -> Plain:
        """A task as it is stored."""
        record = self.plain(TASKS, id)
        assert isinstance(record, dict)
        return record

    def plain(self, bucket: str, key: str) -> Any:
        """A value as it is stored, None where there is none."""
        value = self.state.get(bucket, key)
        return None if value is None else RECORDS[bucket].to_plain(value)

    def void(self, seq: int) -> bool:
        return bool(self.state.get(VOID, str(seq)))

    def _fold(self, kind: str, id: str, what: str, data: dict[str, Any]) -> int:
        self.seq += 1
        fold(self.state, Told(kind, id, what, data, self.seq, self.seq * 1000))
        return self.seq


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_runs_is_what_was_defined_when_it_was_enabled(log: Log) -> None:
    log.task("t", "defined")
    enabled = log.task("t", "enabled", position=7)
    log.run("t", "started", enabled=enabled, position=7, worker="w")
    log.task("t", "updated", script="stream|from().measurement('x')")
    record = log.there("t")
    assert record["script"] == "stream|from().measurement('x')"
    assert record["run"]["definition"]["script"] == "stream|from()"
    assert (record["run"]["position"], record["run"]["worker"], task_of(log.state, "t").executing) == (7, "w", True)
    log.task("t", "disabled", position=9)
    enabled = log.task("t", "enabled", position=9)
    assert log.there("t")["run"]["definition"]["script"] == "stream|from().measurement('x')"
    assert log.there("t")["last_enabled"] == enabled * 1000


def test_a_task_defined_as_enabled_runs_by_that_one_event(log: Log) -> None:
    defined = log.task("t", "defined", status="enabled", position=7)
    record = log.there("t")
    assert (record["status"], record["last_enabled"], record["sequence"]) == ("enabled", defined * 1000, defined)
    assert (record["run"]["enabled"], record["run"]["position"], record["run"]["state"]) == (defined, 7, "starting")
    assert record["run"]["definition"] == {key: record[key] for key in DEFINITION}


def test_an_update_may_enable_and_disable_with_what_it_changes(log: Log) -> None:
    log.task("t", "defined")
    enabled = log.task("t", "updated", status="enabled", position=3, script="stream|from().measurement('x')")
    run = log.there("t")["run"]
    assert (run["enabled"], run["position"], run["definition"]["script"][-5:]) == (enabled, 3, "('x')")
    again = log.task("t", "updated", status="enabled", position=4, script="stream|from().measurement('y')")
    record = log.there("t")
    assert (record["script"][-5:], record["run"], record["last_enabled"]) == ("('y')", run, enabled * 1000)
    assert log.plain(ENDED, "t") is None
    disabled = log.task("t", "updated", status="disabled", position=9)
    record = log.there("t")
    assert (record["status"], record["run"], record["sequence"]) == ("disabled", None, disabled)
    assert record["last_enabled"] == enabled * 1000
    assert log.plain(ENDED, "t") == [{"sequence": disabled, "time": disabled * 1000, "position": 9, "run": run}]
    assert again < disabled


def test_an_update_may_start_a_task_anew(log: Log) -> None:
    log.task("t", "defined", status="enabled", position=3)
    run = log.there("t")["run"]
    again = log.task(
        "t", "updated", status="enabled", position=9, restart=True, script="stream|from().measurement('x')"
    )
    record = log.there("t")
    assert (record["run"]["enabled"], record["run"]["position"]) == (again, 9)
    assert record["run"]["definition"] == {key: record[key] for key in DEFINITION}
    assert log.plain(ENDED, "t") == [{"sequence": again, "time": again * 1000, "position": 9, "run": run}]


def test_an_update_without_position_leaves_the_status(log: Log) -> None:
    log.task("t", "defined", status="enabled", position=7)
    run = log.there("t")["run"]
    log.task("t", "updated", status="disabled")
    assert (log.there("t")["status"], log.there("t")["run"]) == ("enabled", run)


@pytest.mark.parametrize("before", ["enabled", "disabled"])
@pytest.mark.parametrize("after", ["enabled", "disabled"])
def test_a_rename_may_enable_and_disable(log: Log, before: str, after: str) -> None:
    log.task("a", "defined", status=before, position=3)
    known = log.there("a")["sequence"]
    run = log.there("a")["run"]
    renamed = log.task("b", "updated", was="a", status=after, position=5, **{"was-sequence": known})
    record = log.there("b")
    assert record["status"] == after
    assert (record["run"] or {}).get("enabled") == (renamed if after == "enabled" else None)
    ended = [{"sequence": renamed, "time": renamed * 1000, "position": 5, "run": run}] if run else None
    assert log.plain(ENDED, "a") == ended
    assert log.plain(ENDED, "b") is None
    first = known * 1000 if before == "enabled" else 0
    assert record["last_enabled"] == (renamed * 1000 if (before, after) == ("disabled", "enabled") else first)


def test_an_error_stays_until_the_task_is_started_again(log: Log) -> None:
    log.task("t", "defined")
    enabled = log.task("t", "enabled", position=0)
    log.run("t", "failed", enabled=enabled, error="broken")
    assert (log.there("t")["error"], task_of(log.state, "t").executing) == ("broken", False)
    log.task("t", "disabled", position=0)
    assert log.there("t")["error"] == "broken"
    enabled = log.task("t", "enabled", position=0)
    log.run("t", "started", enabled=enabled, position=0, worker="w")
    assert log.there("t")["error"] == ""


def test_what_a_worker_says_of_an_earlier_run_does_not_count(log: Log) -> None:
    log.task("t", "defined")
    first = log.task("t", "enabled", position=0)
    log.task("t", "disabled", position=0)
    log.task("t", "enabled", position=0)
    log.run("t", "failed", enabled=first, error="too late")
    log.run("gone", "started", enabled=first, position=0, worker="w")
    assert (log.there("t")["run"]["state"], log.there("t")["error"]) == ("starting", "")


def test_a_rename_moves_the_task_and_its_run(log: Log) -> None:
    log.task("a", "defined")
    log.task("a", "enabled", position=3)
    known = log.there("a")["sequence"]
    renamed = log.task("b", "updated", was="a", status="enabled", **{"was-sequence": known}, position=5)
    assert task_of(log.state, "a") is None
    record = log.there("b")
    assert (record["id"], record["created"], record["status"]) == ("b", 1000, "enabled")
    assert (record["run"]["enabled"], record["run"]["position"], record["run"]["state"]) == (renamed, 5, "starting")


def test_a_rename_of_what_was_changed_meanwhile_is_left_aside(log: Log) -> None:
    log.task("a", "defined")
    known = log.there("a")["sequence"]
    log.task("a", "updated", script="stream|from().measurement('x')")
    late = log.task("b", "updated", was="a", **{"was-sequence": known})
    assert log.void(late)
    assert task_of(log.state, "b") is None
    assert log.there("a")["script"].endswith("('x')")


def test_what_does_not_fit_is_left_aside(log: Log) -> None:
    log.task("t", "defined")
    for late in (
        log.task("t", "defined", script="other"),
        log.task("none", "updated"),
        log.task("none", "enabled", position=0),
        log.task("t", "disabled", position=0),
        log.task("none", "deleted", position=0),
    ):
        assert log.void(late)
    assert log.there("t")["script"] == "stream|from()"


@pytest.mark.parametrize(
    ("kind", "what", "data"),
    [
        ("task", "heard", {}),
        ("other", "defined", {}),
        ("task", "enabled", {}),
        ("task", "enabled", {"position": "x"}),
        ("task", "defined", DEFINITION | {"type": "neither"}),
        ("run", "failed", {"enabled": 1}),
    ],
)
def test_what_is_no_event_is_refused(kind: str, what: str, data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=what):
        fold(State(), Told(kind, "t", what, data, 1))


def test_records_are_stored_as_they_always_were_and_read_again() -> None:
    definition = {"type": "stream", "script": "s", "dbrps": [{"db": "d", "rp": "r"}], "vars": {"n": 1}}
    run = {
        "enabled": 4,
        "began": 40,
        "position": 7,
        "definition": definition,
        "state": "started",
        "worker": "w",
        "alerts": [{"node": "alert2"}],
        "started": 5,
        "remembered": "kept",
        "levels": {},
    }
    task = {"id": "t", **definition, "template-id": "", "status": "enabled", "created": 1, "modified": 40}
    task |= {"last_enabled": 40, "sequence": 4, "run": run, "error": ""}
    ended = {"sequence": 9, "time": 90, "position": 8, "run": run}
    assert codec.pack(TaskRecord.from_plain(task).to_plain()) == codec.pack(task)
    for one in (ended, ended | {"deleted": True}, {k: v for k, v in ended.items() if k != "time"}):
        assert codec.pack(EndedRun.from_plain(one).to_plain()) == codec.pack(one)
    older = {key: value for key, value in run.items() if key != "remembered"}
    assert TaskRecord.from_plain(task | {"run": older}).run == replace(
        TaskRecord.from_plain(task).run,
        remembered="",  # type: ignore[type-var]
    )
