"""What the overview and the list of tasks are made of."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from services.bus.positions import EventsSeq
from services.gateway.live import overview
from services.gateway.live.figures import Figures, Service, TaskFigures
from services.gateway.live.overview import MOST_TASKS, Services, overview_of, row_of, task_frames
from services.store.folds.definition import TaskDefinition
from services.store.folds.tasks import TaskRecord


def data_of(frames: Iterator[bytes]) -> list[dict[str, object]]:
    return [orjson.loads(frame.split(b"data: ")[1]) for frame in frames]


def record(id: str, status: str = "disabled", error: str = "") -> TaskRecord:
    definition = TaskDefinition.from_plain({"type": "stream", "script": "stream", "dbrps": [], "vars": {}})
    return TaskRecord(id, definition, "", status, 1, 1, 0, EventsSeq(1), None, error)


def test_more_tasks_than_one_event_holds() -> None:
    rows = [{"id": str(number)} for number in range(2 * MOST_TASKS + 1)]
    whole = data_of(task_frames(rows, [], whole=True))
    assert [one["all"] for one in whole] == [True, False, False]
    assert [row for one in whole for row in one["tasks"]] == rows  # type: ignore[attr-defined]
    assert data_of(task_frames([], ["a"], whole=False)) == [{"all": False, "tasks": [], "gone": ["a"]}]
    assert data_of(task_frames([], [], whole=True)) == [{"all": True, "tasks": [], "gone": []}]


def test_a_service_that_is_gone_is_shown_as_such_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Services()
    worker, gateway = Service("w", "engine", True, 0.0, 5.0, 1), Service("g", "gateway", True)
    assert seen.seen([worker, gateway]) == [worker, gateway]
    assert [(one.name, one.up) for one in seen.seen([gateway])] == [("w", False), ("g", True)]
    monkeypatch.setattr(overview, "_GONE_SECONDS", 0.0)
    assert seen.seen([gateway]) == [gateway]


def test_what_is_counted() -> None:
    records = [record("a", "enabled"), record("b"), record("c", "enabled", "it failed")]
    figures = Figures((), {"a": TaskFigures(1.5, 3, 2, "slow", 0.5, ("w",))}, 9.0, [0, 2, 1])
    found = overview_of([], records, figures)
    assert found["tasks"] == {"enabled": 2, "disabled": 1, "failed": 1}
    assert found["alerts"] == {"INFO": 0, "WARNING": 2, "CRITICAL": 1}
    assert (found["errors"], found["points-per-second"]) == (3, 9.0)
    row = row_of(records[0], figures.tasks["a"])
    assert (row["error"], row["workers"], row["lag-seconds"], row["executing"]) == ("slow", ("w",), 0.5, False)
    assert row_of(records[2], figures.tasks["a"])["error"] == "it failed"
