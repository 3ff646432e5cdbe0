"""Why an alert was raised, asked over HTTP, on the real log; and what cannot be told (any more)."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Any

import httpx
import numpy as np

from grammar.golang.times import format_rfc3339
from services.alertlog import codec
from services.alertlog.codec import AlertMessage, Via
from services.bus.buckets.suspects import Suspects
from services.bus.connection import Bus
from services.bus.streams import ALERTS, WRITES
from services.bus.subjects import alert_subject
from services.process.flight_recorder import RecordedWork
from tests.unit.services.recorder.explaining.conftest import World


def script(topic: str, level: float = 5.0) -> str:
    return f"""
stream|from().measurement('m').groupBy('host')|window().periodCount(2).everyCount(1)|mean('x').as('x')
    |alert().id('{{{{ index .Tags "host" }}}}/cpu').crit(lambda: "x" > {level}).topic('{topic}')"""


def topic() -> str:
    return f"topic-{secrets.token_hex(4)}"


def time_of(world: World, number: int) -> str:
    """The time of the last point of a message."""
    return format_rfc3339(int(world.messages[number].data.split()[-1]))


def one_event(message: AlertMessage, number: int, **changes: Any) -> AlertMessage:
    """An event of a message by itself, changed."""
    names = ("id", "message", "level", "time", "duration", "seq", "row", "ordinal", "of")
    own = {name: getattr(message, name)[[number]] for name in names}
    return replace(message, **{**own, "details": None, "columns": {}, "fresh": None, **changes})


async def begun(apis: httpx.AsyncClient, bus: Bus, to: str) -> World:
    """A task that has raised an alert of host a with its third write, and ended it with the fifth."""
    world = World(bus, apis, script(to))
    await world.enable()
    now = time.time_ns()
    bodies = [f"m,host=b x=1 {now}\nm,host=a x={x} {now + i * 10**9}" for i, x in enumerate((1, 4, 8, 9, 0, 0))]
    await world.write(*bodies)
    await world.run()
    return world


async def test_a_change_of_level_is_told_from_its_cause_on(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    last = await world.why(to, "a/cpu")
    assert (last["event"]["previous"], last["event"]["level"], last["agrees"]) == ("CRITICAL", "OK", True)
    found = await world.why(to, "a/cpu", at=time_of(world, 3))
    assert (found["event"]["level"], found["event"]["task"], found["event"]["fields"]) == (
        "CRITICAL",
        world.task,
        {"x": 6.0},
    )
    cause = found["cause"]
    assert (cause["kind"], cause["seq"], cause["row"]) == ("point", world.messages[2].seq, 1)
    assert cause["line"] == world.messages[2].data.decode().splitlines()[1] and cause["database"] == world.db
    assert found["agrees"] and found["notes"] == [] and found["from"] == {"position": found["from"]["position"]}
    assert [step["kind"] for step in found["path"]] == ["stream", "from", "window", "mean", "alert"]
    assert [(one["seq"], one["row"]) for one in found["others"]] == [(world.messages[1].seq, 1)]
    assert found["others"][0]["line"].startswith("m,host=a x=4 ")
    assert found["path"][-1]["lambdas"][0]["text"] == '"x" 6.0 > 5.0 is true'


async def test_what_a_worker_sends_again_has_changed_no_level(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    before = [await world.why(to, "a/cpu", at=time_of(world, number)) for number in (3, 5)]
    world.messages = world.messages[:4]
    await world.run()
    assert [await world.why(to, "a/cpu", at=time_of(world, 3)), await world.why(to, "a/cpu")] == before


async def test_what_was_asked_for_wrongly(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    assert "holds no event of 'c/cpu'" in (await world.why(to, "c/cpu", 404))["error"]
    assert "at or before 2001" in (await world.why(to, "a/cpu", 404, at="2001-01-01T00:00:00Z"))["error"]
    assert (await world.why(to, "a/cpu", 400, at="noon"))["error"].startswith("at: must be a time")


async def test_a_task_is_run_as_it_was_whatever_has_become_of_it(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    changed = {"script": script(to, 100.0), "status": "disabled"}
    assert (await apis.patch(f"/tasks/{world.task}", json=changed)).status_code == 200
    assert (await world.why(to, "a/cpu"))["agrees"]
    assert (await apis.delete(f"/tasks/{world.task}")).status_code == 204
    found = await world.why(to, "a/cpu")
    assert found["agrees"] and found["cause"]["seq"] == world.messages[4].seq


async def test_a_task_of_a_template_that_was_changed_and_a_task_that_got_another_id(
    apis: httpx.AsyncClient, bus: Bus
) -> None:
    to, template = topic(), f"template-{secrets.token_hex(4)}"
    body = {"id": template, "type": "stream", "script": script(to, 100.0)}
    assert (await apis.post("/templates", json=body)).status_code == 200
    world = World(bus, apis, script(to))
    dbrps = [{"db": world.db, "rp": "rp"}]
    made = {"id": world.task, "template-id": template, "dbrps": dbrps, "status": "enabled"}
    assert (await apis.post("/tasks", json=made)).status_code == 200
    # the run that raises it is begun by the template's change, and is over when it is asked about
    assert (await apis.patch(f"/templates/{template}", json={"script": script(to)})).status_code == 200
    await world.noted()
    await world.write(*(f"m,host=a x={x} {time.time_ns()}" for x in (1, 4, 8)))
    await world.run()
    assert (await apis.patch(f"/templates/{template}", json={"script": script(to, 50.0)})).status_code == 200
    found = await world.why(to, "a/cpu")
    assert found["agrees"] and found["cause"]["seq"] == world.messages[2].seq
    renamed = {"id": f"{world.task}-renamed"}
    assert (await apis.patch(f"/tasks/{world.task}", json=renamed)).status_code == 200
    assert (await world.why(to, "a/cpu"))["agrees"]


async def test_an_event_that_came_by_way_of_another_topic(apis: httpx.AsyncClient, bus: Bus) -> None:
    first, second = topic(), topic()
    world = await begun(apis, bus, first)
    source = await world.why(first, "a/cpu")
    stored = await bus.get_message(ALERTS, source["event"]["seq"])
    assert stored is not None
    message = codec.decode(stored.data, first)
    number = source["event"]["number"]
    via = Via("publish", (stored.seq, number), 3, (first,), collected=False)
    sent = one_event(message, number, topic=second, seq=np.array([stored.seq]), row=np.array([number]), via=via)
    await bus.publish(alert_subject(second), codec.encode(sent), {})
    found = await world.why(second, "a/cpu")
    assert found["via"] == [first, second] and found["event"]["previous"] == "CRITICAL"
    assert found["cause"] == source["cause"] and found["path"] == source["path"]
    await bus.purge(ALERTS, alert_subject(first), stored.seq)
    assert "what it was made of" in (await world.why(second, "a/cpu", 410))["error"]


async def test_events_of_replays_of_deletions_and_of_batch_tasks(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    await world.run(replay="again")
    assert "raised by the replay 'again'" in (await world.why(to, "a/cpu", 409))["error"]
    (stored,) = [m for m in [await bus.last_message(alert_subject(to))] if m is not None]
    message = codec.decode(stored.data, to)
    ended = one_event(message, 0, replay="", ends=(3, 1, 1), level=np.array([3]))
    await bus.publish(alert_subject(to), codec.encode(ended), {})
    assert (await world.why(to, "a/cpu"))["cause"] == {"kind": "deletion"}

    batch = World(bus, apis, "batch|query('select x from d.r.m').period(1m).every(1m)|alert().crit(lambda: TRUE)")
    body = {"id": batch.task, "type": "batch", "script": batch.script, "dbrps": [{"db": "d", "rp": "r"}]}
    assert (await apis.post("/tasks", json={**body, "status": "enabled"})).status_code == 200
    await batch.noted()
    begun_by = {"task": batch.task, "started": batch.started, "seq": np.array([-(10**18)])}
    asked = one_event(message, 0, replay="", level=np.array([2]), **begun_by)
    await bus.publish(alert_subject(to), codec.encode(asked), {})
    found = await world.why(to, "a/cpu")
    assert (found["cause"]["kind"], found["cause"]["time"]) == ("query", "2001-09-09T01:46:40Z")
    assert found["path"] == [] and "not in the log" in found["notes"][0]


async def test_a_log_that_does_not_reach_back(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    at = time_of(world, 3)
    await bus.purge(WRITES, "tickbus.write.>", world.messages[0].seq)
    found = await world.why(to, "a/cpu", at=at)
    assert found["agrees"] and "does not reach back to where the task began" in found["notes"][0]
    await bus.purge(WRITES, "tickbus.write.>", world.messages[1].seq)
    found = await world.why(to, "a/cpu", at=at)
    assert found["path"][-1]["in"][0]["fields"]["x"] == 8.0 and len(found["notes"]) == 1
    await bus.purge(WRITES, "tickbus.write.>", world.messages[2].seq)
    assert "is not in the log any more, which begins at" in (await world.why(to, "a/cpu", 410, at=at))["error"]
    for _ in range(2):
        await bus.purge(WRITES, world.subject, world.messages[-1].seq)
        assert "is not in the log any more" in (await world.why(to, "a/cpu", 410))["error"]


async def test_a_run_that_nothing_tells_of(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    world.started = 1
    await world.write(f"m,host=a x=30 {time.time_ns() + 10**10}")
    await world.run()
    assert "cannot be run as it was" in (await world.why(to, "a/cpu", 410))["error"]


async def test_what_has_ended_a_recorder_is_not_asked_again_at_once(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    suspects = await Suspects.open(bus)
    suspect = await suspects.add(RecordedWork({"kind": "why", "id": world.task}, 0, 0), True, "recorder")
    refused = await world.why(to, "a/cpu", 409)
    assert "a step took longer than the step-limit in [engine]" in refused["error"]
    await suspects.clear(suspect)
    assert (await world.why(to, "a/cpu"))["agrees"]


async def test_an_event_that_cannot_be_read_is_passed_over(apis: httpx.AsyncClient, bus: Bus) -> None:
    to = topic()
    world = await begun(apis, bus, to)
    await bus.publish(f"tickbus.event.task.{world.task}.defined", b"no event", {})
    assert (await world.why(to, "a/cpu"))["agrees"]
