"""alert: what those see who watch a task."""

from __future__ import annotations

import logging

import pytest

from services import log
from services.engine.effects import Alerts, Failure
from tests.support.graph import ScriptRun

SCRIPT = (
    "stream|from().measurement('m').groupBy('host')"
    "|alert().id('{{ index .Tags \"host\" }}').message('{{ .ID }} is {{ .Level }}').warn(lambda: \"v\" > 5.0)"
)


@pytest.mark.parametrize(("level", "seen"), [("INFO", []), ("DEBUG", ["a is WARNING", "b is WARNING", "a is OK"])])
def test_alerts_are_logged_for_those_who_watch(
    level: str, seen: list[str], caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: log.set_level("INFO"))
    log.set_level(level)
    ScriptRun(SCRIPT).write("m,host=a v=9 1\nm,host=b v=9 2", "m,host=a v=1 4")
    lines = [r for r in caplog.records if r.levelno == logging.DEBUG and r.getMessage() == "alert triggered"]
    assert [r.tickbus_keys["event_message"] for r in lines] == seen  # type: ignore[attr-defined]
    assert all(r.tickbus_keys["node"] == "alert2" for r in lines)  # type: ignore[attr-defined]


@pytest.mark.parametrize("cuts", [1, 2, 9])
def test_the_condition_of_the_present_level_is_tried_twice_where_it_fails(cuts: int) -> None:
    # As Kapacitor 1.5.7 does: from CRITICAL down to the present level, then from the present level down.
    conditions = 'warn(lambda: "v" > 5).crit(lambda: "w" > 5)'
    run = ScriptRun(f"stream|from().measurement('m').groupBy('host')|alert().{conditions}")
    lines = [
        "m,host=a v=9i,w=1i 1",  # WARNING
        'm,host=b v="x",w=9i 2',  # CRITICAL: warn is not asked
        'm,host=a v="x",w=1i 3',  # found at WARNING, tried twice: 2 errors
        'm,host=a v="x",w=1i 4',  # found at OK: 1
        'm,host=b v="x",w="x" 5',  # found at CRITICAL: crit twice, warn once: 3
        'm,host=b v=9i,w="x" 6',  # found at OK: 1
    ]
    errors = [0, 0, 2, 3, 6, 7]
    for begin in range(0, len(lines), cuts):
        end = min(begin + cuts, len(lines))
        run.write(*lines[begin:end])
        assert run.counts()["alert2"]["errors"] == errors[end - 1]


def test_the_points_of_a_batch_are_all_seen_from_the_level_before_it() -> None:
    window = "|window().periodCount(2).everyCount(2)"
    run = ScriptRun(f"stream|from().measurement('m'){window}|alert().warn(lambda: \"v\" > 5)")
    run.write("m v=9i 1", "m v=9i 2", 'm v="x" 3', 'm v="x" 4', 'm v="x" 5', 'm v="x" 6')
    assert run.counts()["alert3"]["errors"] == 2 * 2 + 2 * 1


@pytest.mark.parametrize("cuts", [1, 2, 9])
@pytest.mark.parametrize("window", ["", "|window().periodCount(1).everyCount(1)"])
def test_what_was_told_before_a_template_fails_is_told(window: str, cuts: int) -> None:
    texts = """.id('x').message('{{ index .Fields "s" | len }}').details('')"""
    script = f"stream|from().measurement('m'){window}|alert(){texts}.info(lambda: TRUE).topic('t').messageField('n')"
    node = "alert3" if window else "alert2"
    run = ScriptRun(script)
    lines = ['m s="ab" 1', 'm s="c" 2', "m v=1 3", 'm s="d" 4']
    for begin in range(0, len(lines), cuts):
        run.write(*lines[begin : begin + cuts])
        if any(isinstance(effect, Failure) for effect in run.effects):
            break
    told = [text for effect in run.effects if isinstance(effect, Alerts) for text in texts_of(effect)]
    assert told == ["2", "1"]
    assert run.counts()[node]["infos_triggered"] == 2
    assert len(run.out[node]) == 2
    (failure,) = [effect for effect in run.effects if isinstance(effect, Failure)]
    assert failure.reason.startswith(f"{node}: template: message:1:23: ")


def texts_of(alerts: Alerts) -> list[str]:
    return [alerts.messages[i] for i in alerts.message_of.tolist()]
