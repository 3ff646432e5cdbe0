"""Why: for every event that a task raises there is an explanation, whose run raises the very same one."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alertlog.info import LEVELS
from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from tests.unit.services.dryrun.explaining.test_explanation import raised, why
from tests.unit.services.dryrun.test_log_run import SECOND, T0

_ALERT = '|alert().info(lambda: "x" > 1.0).crit(lambda: "x" > 3.0).critReset(lambda: "x" < 1.0).topic(\'t\')'
SCRIPTS = {
    "levels": f"stream|from().measurement('m').groupBy('host'){_ALERT}",
    "changes": f"stream|from().measurement('m').groupBy('host'){_ALERT}.stateChangesOnly(3s)",
    "flapping": f"stream|from().measurement('m').groupBy('host'){_ALERT}.flapping(0.2, 0.4).history(5)",
    "memory": "stream|from().measurement('m').groupBy('host')|eval(lambda: sigma(\"x\")).as('x')" + _ALERT,
    "count": "stream|from().measurement('m').groupBy('host')|stateCount(lambda: \"x\" > 1.0).as('n')"
    "|eval(lambda: float(\"n\")).as('x')" + _ALERT,
    "window": f"stream|from().measurement('m').groupBy('host')|window().period(3s).every(2s)|mean('x').as('x'){_ALERT}",
    "batch": f"stream|from().measurement('m').groupBy('host')|window().periodCount(3).everyCount(2){_ALERT}",
    "aggregate": f"stream|from().measurement('m').groupBy('host')|max('x').as('x')|groupBy('host'){_ALERT}",
    "join": "var a = stream|from().measurement('m').groupBy('host')\n"
    "var b = stream|from().measurement('n').groupBy('host')\n"
    f"a|join(b).as('a', 'b').fill(0.0)|eval(lambda: \"a.x\" + \"b.x\").as('x'){_ALERT}",
    "union": "var a = stream|from().measurement('m').groupBy('host')\n"
    f"stream|from().measurement('n').groupBy('host')|union(a){_ALERT}",
    "deadman": "stream|from().measurement('m').groupBy('host')|deadman(1.0, 2s).topic('t')",
    "barrier": "stream|from().measurement('m').groupBy('host')|barrier().idle(2s).delete(TRUE)"
    "|window().period(4s).every(2s)|count('x').as('n')|eval(lambda: float(\"n\")).as('x')" + _ALERT,
}

_points = st.tuples(st.sampled_from("mn"), st.sampled_from("ab"), st.integers(0, 5), st.integers(-2, 1))
_bodies = st.lists(st.lists(_points, min_size=1, max_size=4), min_size=1, max_size=10)


@pytest.mark.parametrize("script", SCRIPTS)
@settings(max_examples=15)
@given(bodies=_bodies, together=st.integers(1, 4))
def test_every_event_is_explained(script: str, bodies: list[list[tuple[str, str, int, int]]], together: int) -> None:
    subject = write_subject("db", "rp")
    messages = []
    for i, points in enumerate(bodies):
        now = T0 + i * SECOND
        lines = [f"{name},host={host} x={x}.0 {now + late * SECOND}" for name, host, x, late in points]
        messages.append(StoredMessage(i + 1, subject, "\n".join(lines).encode(), None, now))
    asyncio.run(_all_explained(SCRIPTS[script], messages, together))


async def _all_explained(script: str, messages: list[StoredMessage], together: int) -> None:
    for alerts, i in await raised(script, messages, messages[-1].time_ns + 8 * SECOND):
        found = await why(script, messages, (alerts, i), together)
        assert found.level == LEVELS[int(alerts.level[i])]
        assert orjson.dumps(found.path)
        raising = [entry for entry in found.path if entry["node"] == alerts.node]
        assert raising and raising[-1]["out"] and found.path[0]["node"] != alerts.node
        assert (found.message is None) == (int(alerts.seq[i]) < 0) and found.unplaced == []
