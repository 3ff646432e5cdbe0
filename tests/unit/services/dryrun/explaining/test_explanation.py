"""Why an alert was raised: the way of what caused it through a task's nodes, on the runs that workers make."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from services.alertlog.info import LEVELS
from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.dryrun.explaining.explanation import Cause, Explanation, explain
from services.dryrun.explaining.path import took_part
from services.dryrun.log_run import LogRun
from services.runtime.effects import Alerts
from tests.unit.services.dryrun.test_log_run import SECOND, T0, task

CHANGES = """
stream|from().measurement('m').groupBy('host')|where(lambda: "x" >= 0.0 AND "host" != 'c')
    |stateCount(lambda: "x" > 5.0)
    |alert().warn(lambda: "state_count" > 0).crit(lambda: "x" > 8.0).critReset(lambda: "x" < 2.0).stateChangesOnly()
    .topic('t')
"""
WINDOW = """
stream|from().measurement('m').groupBy('host')|window().period(3s).every(3s)|mean('x')
    |alert().crit(lambda: "mean" > 3.0).topic('t')
"""
JOIN = """
var errors = stream|from().measurement('errors').groupBy('host')
stream|from().measurement('m').groupBy('host')|join(errors).as('all', 'errors').tolerance(1s)
    |eval(lambda: "errors.x" / "all.x").as('rate')|alert().crit(lambda: "rate" > 0.5).topic('t')
"""
SILENT = "stream|from().measurement('m').groupBy('host')|deadman(0.0, 10s).topic('t')"
TICKED = """stream|from().measurement('m').groupBy('host')|barrier().period(2s)|window().period(2s).every(2s)
    |count('x').as('n')|alert().id('{{ .Group }}').warn(lambda: "n" > 1).crit(lambda: "n" > 3).topic('t')"""

Found = tuple[Alerts, int]


def written(*bodies: str) -> list[StoredMessage]:
    """A message a second; points without a time have that of the message."""
    subject = write_subject("db", "rp")
    return [StoredMessage(i + 1, subject, body.encode(), None, T0 + i * SECOND) for i, body in enumerate(bodies)]


async def raised(script: str, messages: Sequence[StoredMessage], until: int = 0) -> list[Found]:
    """All events that a task raises, each as its effect and its number in that."""
    with LogRun(task(script)) as run:
        effects = await run.take(messages)
        effects += await run.reach(until) if until else []
    return [(one, i) for one in effects if isinstance(one, Alerts) for i in range(len(one.level))]


async def why(script: str, messages: Sequence[StoredMessage], event: Found, together: int = 100) -> Explanation:
    """The explanation of an event."""
    alerts, i = event
    seq, tags = int(alerts.seq[i]), alerts.series[int(alerts.series_of[i])]["tags"]
    at = (
        (0, int(alerts.row[i]), int(alerts.ordinal[i]), -seq)
        if seq < 0
        else (seq, int(alerts.row[i]), int(alerts.ordinal[i]))
    )

    async def parts() -> AsyncIterator[list[StoredMessage]]:
        known = [m for m in messages if (m.time_ns < -seq if seq < 0 else m.seq <= seq)]
        for begin in range(0, len(known), together):
            yield known[begin : begin + together]

    return await explain(LogRun(task(script)), parts(), Cause(alerts.node, "t", tags, *at))


def step(explanation: Explanation, kind: str) -> dict[str, Any]:
    """What happened at the last node of a kind."""
    return [entry for entry in explanation.path if entry["kind"] == kind][-1]


def texts(explanation: Explanation, kind: str) -> dict[str, str]:
    return {said["lambda"]: said["text"] for said in step(explanation, kind)["lambdas"]}


@pytest.mark.parametrize("together", [1, 100])
async def test_conditions_counters_and_levels(together: int) -> None:
    bodies = [f"m,host=b x=9\nm,host=a x={x}\nm,host=c x=9" for x in (1, 6, 7, 9, 3, 1)]
    messages = written(*bodies)
    events = [e for e in await raised(CHANGES, messages) if e[0].ids[int(e[0].id_of[e[1]])] == "m:host=a"]
    assert [LEVELS[int(e.level[i])] for e, i in events] == ["WARNING", "CRITICAL", "OK"]
    first, second, last = [await why(CHANGES, messages, event, together) for event in events]
    assert [one.level for one in (first, second, last)] == ["WARNING", "CRITICAL", "OK"]
    assert [one.message.seq for one in (first, second, last) if one.message] == [2, 4, 6]
    assert [entry["kind"] for entry in last.path] == ["stream", "from", "where", "stateCount", "alert"]
    assert texts(first, "where") == {
        "where": "(\"x\" 6.0 >= 0.0 is true) AND (\"host\" 'a' != 'c' is true) is true",
    }
    (group,) = step(second, "stateCount")["groups"]
    assert group == {"group": "host=a", "before": {"carried": 2}, "after": {"carried": 3}}
    assert texts(second, "alert")["crit"] == '"x" 9.0 > 8.0 is true'
    (group,) = step(last, "alert")["groups"]
    assert (group["before"]["level"], group["after"]["level"]) == ("CRITICAL", "OK")
    assert group["before"]["alert began"] == "2023-11-14T22:13:21Z"
    assert texts(last, "alert")["critReset"] == '"x" 1.0 < 2.0 is true'
    assert all(row["tags"] == {"host": "a"} for entry in last.path for row in [*entry["in"], *entry["out"]])


async def test_points_of_a_window_are_told_with_their_places() -> None:
    messages = written(*(f"m,host=b x=1\nm,host=a x={x}" for x in range(8)))
    event = (await raised(WINDOW, messages))[0]
    found = await why(WINDOW, messages, event)
    (batch,) = step(found, "window")["out"]
    assert [(p["seq"], p["row"], p["fields"]["x"]) for p in batch["points"]] == [(4, 1, 3.0), (5, 1, 4.0), (6, 1, 5.0)]
    assert took_part(found.path) == {(4, 1), (5, 1), (6, 1)} and found.unplaced == []
    assert found.message is not None and found.message.seq == 7
    assert texts(found, "alert") == {"crit": '"mean" 4.0 > 3.0 is true'}


async def test_the_other_side_of_a_join_is_told() -> None:
    messages = written("m,host=a x=4", "m,host=b x=4", "errors,host=b x=1", f"errors,host=a x=3 {T0}")
    (event,) = await raised(JOIN, messages)
    found = await why(JOIN, messages, event)
    assert found.message is not None and found.message.seq == 4
    (group,) = step(found, "join")["groups"]
    assert [p["fields"] for p in group["before"]["waiting"]["all"]] == [{"x": 4.0}]
    assert group["after"]["waiting"] == {"all": [], "errors": []}
    assert took_part(found.path) == {(1, 0)}
    assert texts(found, "eval") == {"rate": '("errors.x" 3.0 / "all.x" 4.0) 0.75'}


async def test_what_the_clock_has_raised() -> None:
    messages = written("m,host=a x=1\nm,host=b x=1", *("m,host=b x=1" for _ in range(29)))
    events = await raised(SILENT, messages)
    event = next(e for e in events if "host=a" in e[0].ids[int(e[0].id_of[e[1]])] and e[0].level[e[1]] == 3)
    found = await why(SILENT, messages, event)
    assert found.level == "CRITICAL" and found.message is None
    assert [entry["kind"] for entry in found.path] == ["stats", "derivative", "alert"]
    assert step(found, "stats")["groups"][0]["after"]["emitted"] == 1
    assert texts(found, "alert") == {"crit": '"emitted" 0.0 <= 0.0 is true'}
    assert step(found, "stats")["tick"] == found.path[-1]["tick"]


async def test_what_the_clock_has_raised_in_a_part_is_known_by_its_alert() -> None:
    """In the part of its group it was the first of the tick, in the whole it is the second."""
    messages = written("\n".join(["m,host=a x=1"] * 2 + ["m,host=b x=1"] * 4))
    events = await raised(TICKED, messages, messages[-1].time_ns + 3 * SECOND)
    assert [(int(alerts.ordinal[i]), int(alerts.level[i])) for alerts, i in events] == [(0, 2), (1, 3)]
    alerts, i = events[1]
    seq = int(alerts.seq[i])

    async def all_of_it() -> AsyncIterator[list[StoredMessage]]:
        yield messages

    cause = Cause(alerts.node, "t", {"host": "b"}, 0, int(alerts.row[i]), 0, -seq, "host=b")
    assert (await explain(LogRun(task(TICKED)), all_of_it(), cause)).level == "CRITICAL"


async def test_an_event_that_is_not_raised_again_is_told_to_be_none() -> None:
    messages = written(*(f"m,host=a x={x}" for x in (1, 6)))
    alerts, i = (await raised(CHANGES, messages))[-1]
    found = await why(CHANGES.replace('"x" > 5.0', '"x" > 7.0'), messages, (alerts, i))
    assert found.level is None and step(found, "alert")["silence"] == "the level was OK and stays OK"
