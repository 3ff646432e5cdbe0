"""The run's clock: neither how the log was cut, nor a restart, nor when it was looked at shows in what it sets off."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alertlog.deduplicator import Deduplicator
from services.runtime.effects import Alerts
from services.runtime.environment import TaskEnvironment
from tests.property.test_nodes import Result
from tests.support.examples import examples
from tests.support.graph import NOW, ScriptRun

MS = 10**6
FROM = "stream|from().measurement('m').groupBy('h')"

SCRIPTS = {
    "stats": f"""{FROM}|where(lambda: "v" > 0.0)|stats(1s)|httpOut('end')""",
    "stats of all": """stream|from().measurement('m')|window().period(2s).every(1s)|stats(700ms).align()
        |httpOut('end')""",
    "deadman": f"""{FROM}|deadman(0.0, 1s).topic('t').stateChangesOnly()|httpOut('end')""",
    "deadman of many": f"""{FROM}|deadman(2.0, 500ms).topic('t')|httpOut('end')""",
    "idle": f"""{FROM}|barrier().idle(900ms)|window().period(2s).every(1s)|count('v')
        |alert().crit(lambda: "count" > 1).topic('t')|httpOut('end')""",
    "idle, over": f"""{FROM}|barrier().idle(300ms).delete(TRUE)|alert().crit(lambda: "v" > 0.0).topic('t')
        |httpOut('end')""",
    "period": f"""{FROM}|barrier().period(700ms)|window().period(1s).every(1s)|alert().warn(lambda: TRUE).topic('t')
        |httpOut('end')""",
    "period, over": f"""{FROM}|barrier().period(300ms).delete(TRUE)|stateDuration(lambda: TRUE)|httpOut('end')""",
    "several": f"""var m = {FROM}|barrier().idle(400ms)
        m|window().period(1s).every(500ms)|deadman(0.0, 600ms).topic('d')
        m|stats(300ms)|difference('emitted')|alert().crit(lambda: "difference" == 0).topic('t')|httpOut('end')""",
}


class Written(NamedTuple):
    """A message of the log, and when it was stored."""

    body: str
    stored: int


@st.composite
def logs(draw: st.DrawFn) -> list[Written]:
    """Messages that come close behind each other, at one time, or after a silence; points late, other measurements."""
    messages, stored = [], NOW
    for _ in range(draw(st.integers(1, 20))):
        stored += draw(st.sampled_from([0, 1, 50 * MS, 100 * MS, 300 * MS, 300 * MS, 1000 * MS, 5000 * MS]))
        lines = []
        for _ in range(draw(st.integers(1, 3))):
            host, name = draw(st.sampled_from("abc")), draw(st.sampled_from("mmmn"))
            time = stored - draw(st.sampled_from([0, 0, 0, 400 * MS, 3000 * MS]))
            lines.append(f"{name},h={host} v={draw(st.sampled_from(['0', '1']))} {time}")
        messages.append(Written("\n".join(lines), stored))
    return messages


@pytest.mark.parametrize("age", [0, 2000 * MS], ids=["", "groups that end"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
@examples(25)
@given(logs(), st.data())
def test_cuts_restarts_and_looks_at_the_clock_do_not_show(
    script: str, age: int, log: list[Written], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(log)), max_size=5)) | {len(log)})
    restarts = data.draw(st.sets(st.integers(0, len(cuts) - 1), max_size=3))
    looks = data.draw(st.lists(st.floats(0, 1), min_size=len(log), max_size=len(log)))
    pauses = data.draw(st.sets(st.integers(0, len(cuts) - 1), max_size=2))
    environment = TaskEnvironment(group_idle_age=age)
    one_by_one, otherwise = ScriptRun(script, environment=environment), ScriptRun(script, environment=environment)
    begin = 0
    for i, end in enumerate(cuts):
        for at in range(begin, end):
            one_by_one.write(log[at].body, stored=[log[at].stored])
            if at + 1 < len(log):  # the clock is looked at somewhere before the next message
                one_by_one.tick(log[at].stored + int(looks[at] * (log[at + 1].stored - log[at].stored)))
        if i in restarts:
            otherwise.restart()
        otherwise.write(*(m.body for m in log[begin:end]), stored=[m.stored for m in log[begin:end]])
        begin = end
        if i in pauses and end < len(log):
            for run in (one_by_one, otherwise):
                run.tick(log[end].stored)
                run.run.resume(log[end].stored)
    for run in (one_by_one, otherwise):
        run.tick(log[-1].stored + 3000 * MS)
    assert not (difference := Result(one_by_one).differs(Result(otherwise))), difference


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
@examples(25)
@given(logs(), st.integers(0, 4000))
def test_what_is_told_again_after_a_kill_is_known(script: str, log: list[Written], later: int) -> None:
    """The log is read again in one go; the clock has come as far by the wall as it had."""
    first, again = ScriptRun(script), ScriptRun(script)
    for message in log:
        first.write(message.body, stored=[message.stored])
    again.write(*(m.body for m in log), stored=[m.stored for m in log])
    seen: dict[str, Deduplicator] = {}
    for run in (first, again):
        run.tick(log[-1].stored + later * MS)
        for alerts in (e for e in run.effects if isinstance(e, Alerts)):
            of = seen.setdefault(alerts.node, Deduplicator())
            new = of.first_new(7, alerts.seq, alerts.row, alerts.ordinal)
            assert new == (0 if run is first else len(alerts.seq)), (alerts.node, alerts.seq)
