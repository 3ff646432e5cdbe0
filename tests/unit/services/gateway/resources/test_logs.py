"""Log lines of all processes, as they are written."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from services.gateway.clients import processes
from services.gateway.resources.logs import fits
from services.process import log
from services.process.log_lines import parse

V1, PREVIEW = "/kapacitor/v1", "/kapacitor/v1preview"
pytestmark = pytest.mark.usefixtures("agent")


async def test_logs_are_told_while_somebody_listens(gateway: httpx.AsyncClient) -> None:
    log.set_level("ERROR")
    found = []
    async with gateway.stream(
        "GET", f"{PREVIEW}/logs?task=t1&lvl=debug%2B", headers={"Accept": "application/json"}
    ) as s:
        assert s.headers["content-type"] == "application/json"
        async with asyncio.timeout(30):
            while not log.get("engine").enabled("DEBUG"):
                await asyncio.sleep(0.01)
        log.get("engine").debug("other", task="t2")
        log.get("engine").debug('quoted "and"\nbroken', task="t1")
        log.get("engine").often("many", "task=t1")
        async for line in s.aiter_lines():
            found.append(json.loads(line))
            if len(found) == 2:
                break
    assert [(line["lvl"], line["msg"]) for line in found] == [("debug", 'quoted "and"\nbroken'), ("info", "many")]
    assert (await gateway.get(f"{V1}/logs")).status_code == 404


async def test_points_have_their_tags_and_fields_as_objects(gateway: httpx.AsyncClient) -> None:
    """What Chronograf asks for beside a script, and how it tells points from other lines."""
    url, headers = f"{PREVIEW}/logs?task=t1", {"Accept": "application/json", "Content-Type": "application/json"}
    async with gateway.stream("GET", url, headers=headers) as s:
        async with asyncio.timeout(30):
            while not log.get("kapacitor").enabled("DEBUG"):
                await asyncio.sleep(0.01)
            log.get("kapacitor").info("point", task="t1", tag_host="a", field_v=1.5, field_text=log.Text("1"))
            found = json.loads(await anext(s.aiter_lines()))
    assert (found["service"], found["msg"], found["lvl"]) == ("kapacitor", "point", "info")
    assert (found["tag"], found["field"]) == ({"host": "a"}, {"v": 1.5, "text": "1"})


async def test_so_many_streams_of_logs_and_no_more(gateway: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MOST_SESSIONS", 1)
    async with gateway.stream("GET", f"{PREVIEW}/logs") as stream:
        async with asyncio.timeout(30):
            while not log.get("engine").enabled("DEBUG"):
                await asyncio.sleep(0.01)
        answer = await gateway.get(f"{PREVIEW}/logs")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "1 streams of logs are being read: no more at once"}
        await stream.aclose()
    async with asyncio.timeout(30):
        while True:
            async with gateway.stream("GET", f"{PREVIEW}/logs") as stream:
                if stream.status_code == 200:
                    break
            await asyncio.sleep(0.01)


async def test_of_lines_that_nobody_takes_the_oldest_are_left_out() -> None:
    session = processes.Session()
    for number in range(100):
        session.put(processes.LogLines(b"\n".join([b"n=%d x=%s" % (number, b"x" * 10_000)] * 10)))
    lines, left_out = await session.next()
    assert left_out == 900 and len(lines.texts) == 10
    assert lines.pairs[0]["n"] == "90"
    for number in range(91, 100):
        lines, left_out = await session.next()
        assert (lines.pairs[0]["n"], left_out) == (str(number), 0)
    waiting = asyncio.create_task(session.next())
    await asyncio.sleep(0)
    session.put(processes.LogLines(b"n=last"))
    assert (await waiting)[0].texts == ["n=last"]


def test_which_lines_fit() -> None:
    line = parse('ts=1 lvl=warn msg="two words" service=engine empty= task=a=b')
    assert line == {"ts": "1", "lvl": "warn", "msg": "two words", "service": "engine", "empty": "", "task": "a=b"}
    assert fits(line, {}) and fits(line, {"lvl": "warn", "msg": "two words"}) and fits(line, {"lvl": "info+"})
    assert not fits(line, {"lvl": "info"}) and not fits(line, {"lvl": "error+"}) and not fits(line, {"none": ""})
