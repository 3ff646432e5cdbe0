"""Why no alert was raised, asked over HTTP, on the real log: how far points got, and where they ended."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from grammar.golang.times import format_rfc3339, parse_rfc3339
from services.bus.connection import Bus
from tests.unit.services.recorder.explaining.conftest import World

SECOND = 10**9
SCRIPT = """
var errors = stream|from().measurement('errors').groupBy('host')
var all = stream|from().measurement('all').groupBy('host')
all|join(errors).as('all', 'errors')|alert().crit(lambda: TRUE).topic('joined')
stream|from().measurement('m').groupBy('host')
    |where(lambda: "x" < 10.0 AND "unit" == 'ms')
    |eval(lambda: "x" / "y").as('rate')
    |window().period(10s).every(10s)
    |mean('rate').as('rate')
    |alert().crit(lambda: "rate" > 2.0).stateChangesOnly().topic('why-not')
"""


@pytest.fixture
async def world(apis: httpx.AsyncClient, bus: Bus) -> World:
    world = World(bus, apis, SCRIPT)
    await world.enable()
    return world


def ends(found: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """By line without its time where each point has ended, and why."""
    return {
        point["line"].rpartition(" ")[0]: [(end["node"], end["why"]) for end in point["ends"]]
        for point in found["points"]
    }


async def test_where_points_ended_and_why(world: World) -> None:
    now = time.time_ns() // SECOND * SECOND
    tags = "host=a,unit=ms"
    await world.write(
        f"m,{tags} x=1,y=1 {now - 8 * SECOND}",
        f'm,host=a,unit=s x=1,y=1 {now}\nm,{tags} x=11,y=1 {now}\nm,{tags} x=1,y="a" {now}\nm,{tags} x=2,y=1 {now}',
        f"m,host=b,unit=ms x=1,y=1 {now}\nall,host=a x=1 {now}\nfree,host=a x=1 {now}",
        f"m,{tags} x=7,y=1 {now + 3 * SECOND}\nm,{tags} x=1 {now + 3 * SECOND}",
        f"m,{tags} x=8,y=1 {now + 20 * SECOND}",
    )
    await world.write(f"m,{tags} x=1,y=1 {now}", db="another")
    found = await world.why_not(group="host=a", at=format_rfc3339(now), within="2s")
    due = format_rfc3339(now + 2 * SECOND)
    told = ends(found)
    assert told.pop('m,host=a,unit=ms x=1,y="a"')[0][0] == "eval8"
    assert told == {
        "m,host=a,unit=s x=1,y=1": [
            ("where7", "(\"x\" 1.0 < 10.0 is true) AND (\"unit\" 's' == 'ms' is false) is false"),
        ],
        "m,host=a,unit=ms x=11,y=1": [
            ("where7", "(\"x\" 11.0 < 10.0 is false) AND (\"unit\" 'ms' == 'ms' is true) is false"),
        ],
        "m,host=a,unit=ms x=2,y=1": [("window9", f"the window is not due before a point of {due} or later comes")],
        "all,host=a x=1": [("join4", "it waits for errors")],
        "free,host=a x=1": [("stream0", "the task reads no points of this measurement")],
    }
    assert [one["database"] for one in found["elsewhere"]] == ["another"] and found["notes"] == []
    found = await world.why_not(group="host=a,unit=ms", at=format_rfc3339(now + 3 * SECOND), within="0s")
    (first, second) = found["points"]
    assert first["ends"][-1] == {"node": "alert11", "why": "the level was OK and stays OK"}
    assert second["ends"][0]["why"].startswith("error evaluating expression: ") and '"y" is missing' in str(second)
    (step,) = [step for step in first["path"] if step["node"] == "window9"]
    assert [point["fields"]["rate"] for point in step["out"][0]["points"]] == [1.0, 2.0]
    assert [point["seq"] for point in step["out"][0]["points"]] == [m.seq for m in world.messages[:2]]


async def test_what_is_told_where_there_are_no_such_points(world: World) -> None:
    now = time.time_ns()
    await world.write(f"m,host=a x=1 {now}", f"m,host=a x=2 {now + 60 * SECOND}")
    found = await world.why_not(group="host=a", at=format_rfc3339(now + 30 * SECOND), within="5s")
    assert found["points"] == [] and "no point with host=a of a time between" in found["notes"][0]
    assert [one["line"].split()[1] for one in found["nearest"]] == ["x=1", "x=2"]
    found = await world.why_not(group="host=z", at=format_rfc3339(now))
    assert found["points"] == [] and found["nearest"] == []


async def test_points_that_were_written_later(world: World) -> None:
    await world.write(f"m,host=a x=99,y=1 {SECOND}")
    found = await world.why_not(group="host=a", at=format_rfc3339(SECOND), within="0s")
    assert [one["seq"] for one in found["points"]] == [world.messages[0].seq]
    assert "were written only at" in found["notes"][0]


async def test_nothing_is_told_of_what_is_still_to_come(apis: httpx.AsyncClient, bus: Bus) -> None:
    world = World(bus, apis, "stream|from().measurement('m')|deadman(0.0, 1s)")
    await world.enable()
    await world.write(f"m x=1 {time.time_ns()}")
    found = await world.why_not(at=str(time.time_ns()), within="20s")
    assert len(found["points"]) == 1
    now = time.time_ns()
    assert not [tick["time"] for tick in found["ticks"] if parse_rfc3339(tick["time"]) > now]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "at: give a time"),
        ({"at": "noon"}, "at: must be a time in RFC 3339, or ns since 1970, and is 'noon'"),
        ({"at": "2026-01-01T00:00:00Z", "within": "1x"}, "within: '1x' is no duration"),
        ({"at": "2026-01-01T00:00:00Z", "within": "2h"}, "within: at most 1h"),
        ({"at": "2026-01-01T00:00:00Z", "group": "host"}, "group: 'host' is no tag with its value"),
    ],
)
async def test_mistaken_questions(apis: httpx.AsyncClient, bus: Bus, parameters: dict[str, str], error: str) -> None:
    answer = await World(bus, apis, "").why_not(400, **parameters)
    assert answer["error"].startswith(error)


async def test_tasks_that_it_cannot_be_told_of(apis: httpx.AsyncClient, bus: Bus) -> None:
    world = World(bus, apis, "batch|query('select x from d.r.m').period(1m).every(1m)|alert().crit(lambda: TRUE)")
    at = format_rfc3339(time.time_ns())
    assert (await world.why_not(404, at=at))["error"] == f"no task exists: {world.task!r}"
    body = {"id": world.task, "type": "batch", "script": world.script, "dbrps": [{"db": "d", "rp": "r"}]}
    assert (await apis.post("/tasks", json={**body, "status": "enabled"})).status_code == 200
    assert "is a batch task" in (await world.why_not(409, at=at))["error"]
