"""alert: what those see who watch a task."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from services.process import log
from services.runtime.effects import Alerts, Failure
from tests.support.graph import Barrier, ScriptRun

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


_FAILS = '{{ lt (index .Fields "v") 5.0 }}'  # for what is no float
_SHORT = '{{ slice (index .Tags "host") 0 1 }}'


def _failed(script: str, lines: Sequence[str], cuts: int) -> tuple[list[tuple[str, int]], list[int], str]:
    """(id, time) of the events told, the times of the points that went on, and why the task ended; it is written to in
    pieces of `cuts` lines until it ends."""
    run = ScriptRun(script)
    for begin in range(0, len(lines), cuts):
        run.write("\n".join(lines[begin : begin + cuts]))
        if isinstance(run.effects[-1], Failure):
            break
    told = [e for e in run.effects if isinstance(e, Alerts)]
    events = [(e.ids[e.id_of[i]], int(e.time[i])) for e in told for i in range(len(e.level))]
    (alert,) = (given for name, given in run.out.items() if name.startswith("alert"))
    end = run.effects[-1]
    return events, [g.time for g in alert if not isinstance(g, Barrier)], end.reason if isinstance(end, Failure) else ""


@pytest.mark.parametrize("cuts", [1, 2, 9])
@pytest.mark.parametrize("text", ["message", "details"])
def test_a_template_that_fails_ends_the_task_after_what_came_before(text: str, cuts: int) -> None:
    script = f"stream|from().measurement('m')|alert().id('i').{text}('{_FAILS}').crit(lambda: TRUE).topic('t')"
    lines = ["m v=1 1", "m v=2 2", "m v=3i 3", "m v=4 4", "m v=5i 5", "m v=6 6"]
    events, times, reason = _failed(script, lines, cuts)
    assert events == [("i", 1), ("i", 2)] and times == [1, 2]
    assert reason.startswith(f"alert2: template: {text}:1:3: executing")


@pytest.mark.parametrize("cuts", [1, 2, 9])
def test_the_first_of_two_templates_that_fail_counts(cuts: int) -> None:
    other = _FAILS.replace('"v"', '"w"')
    templates = f".message('{_FAILS}').details('{other}')"
    script = f"stream|from().measurement('m')|alert().id('i'){templates}.crit(lambda: TRUE).topic('t')"
    events, times, reason = _failed(script, ["m v=1,w=1 1", "m v=1,w=1i 2", "m v=1i,w=1 3"], cuts)
    assert (events, times) == ([("i", 1)], [1]) and "details" in reason


@pytest.mark.parametrize("cuts", [1, 2, 9])
@pytest.mark.parametrize("grouped", ["", ".groupBy('host')"])
def test_an_id_that_fails_ends_the_task_after_what_came_before(grouped: str, cuts: int) -> None:
    script = f"stream|from().measurement('m'){grouped}|alert().id('{_SHORT}').crit(lambda: TRUE).topic('t')"
    lines = ["m,host=b v=1 1", "m,host=a v=1 2", "m v=1 3", "m,host=c v=1 4", "m,host=a v=1 5"]
    events, times, reason = _failed(script, lines, cuts)
    assert events == [("b", 1), ("a", 2)] and times == [1, 2] and reason.startswith("alert2: template: id:1:3")


@pytest.mark.parametrize("cuts", [1, 3, 99])
@pytest.mark.parametrize("template", [f".id('i').message('{_FAILS}')", f".id('{_SHORT}')"])
def test_a_template_that_fails_for_a_batch_ends_the_task_after_the_batches_before(template: str, cuts: int) -> None:
    batches = "from().measurement('m').groupBy('host')|window().periodCount(1).everyCount(1)"
    script = f"stream|{batches}|alert(){template}.crit(lambda: TRUE).topic('t')"
    lines = ["m,host=b v=1 1", "m,host=a v=1 2", "m v=1i 3", "m,host=c v=1 4", "m,host=a v=1 5"]
    events, times, reason = _failed(script, lines, cuts)
    assert [time for _, time in events] == [1, 2] and times == [1, 2] and reason.startswith("alert3: template: ")


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


def test_templates_see_durations_as_durations() -> None:
    """Scenario alert_template_duration_field."""
    script = (
        'stream|from()|eval(lambda: if("v" > 2.0, duration("v", 1s), 1h)).as(\'d\')'
        "|alert().message('{{ .Fields.d }} {{ .Fields.d.Seconds }}').info(lambda: TRUE).topic('t')"
    )
    (alerts,) = [e for e in ScriptRun(script).write("m v=2.5 1\nm v=1 2").effects if isinstance(e, Alerts)]
    assert alerts.messages == ["2.5s 2.5", "1h0m0s 3600"]
