"""What is told and asked about the server itself, with a real process agent on the bus."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping

import httpx
import orjson
import pytest

from schemas.config import Config, Nats
from schemas.events.processes import FiguresAnswerSchema
from services import log
from services.bus.connection import Bus
from services.bus.subjects import ask_subject, command_subject
from services.cli.process.agent import Agent
from services.gateway.resources.logs import fits, parse
from tests.support.nats import NatsServer
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.test_tasks import TASKS, body

V1, PREVIEW = "/kapacitor/v1", "/kapacitor/v1preview"


@pytest.fixture(autouse=True)
async def agent(nats_server: NatsServer) -> AsyncIterator[None]:
    """This process, answering as the one of a service."""
    async with Agent("standin", Config(nats=Nats(url=nats_server.url))):
        yield
    log.set_level("INFO")


async def test_every_process_takes_a_log_level(gateway: httpx.AsyncClient, bus: Bus) -> None:
    assert (await gateway.post(f"{V1}/loglevel", json={"level": "error"})).status_code == 204
    assert logging.getLogger("tickbus").level == logging.ERROR
    reply = await bus.ask(command_subject("loglevel", "update"), b'{"level": "DEBUG"}')
    assert orjson.loads(reply) == {"status": 204, "body": None}
    assert log.get("x").enabled("DEBUG")


async def test_why_a_sideload_source_cannot_be_read_anew_is_told(gateway: httpx.AsyncClient, bus: Bus) -> None:
    said = {"error": 'failed to update source "/x": it is not there'}

    async def reload(data: bytes, headers: Mapping[str, str]) -> bytes:
        return orjson.dumps(said)

    answering = bus.answer(ask_subject("engine", "reload"), reload)
    answer = await gateway.post(f"{V1}/sideload/reload")
    assert (answer.status_code, answer.json()) == (500, said)
    said["error"] = ""
    assert (await gateway.post(f"{V1}/sideload/reload")).status_code == 204
    answering.stop()


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


def test_which_lines_fit() -> None:
    line = parse('ts=1 lvl=warn msg="two words" service=engine empty= task=a=b')
    assert line == {"ts": "1", "lvl": "warn", "msg": "two words", "service": "engine", "empty": "", "task": "a=b"}
    assert fits(line, {}) and fits(line, {"lvl": "warn", "msg": "two words"}) and fits(line, {"lvl": "info+"})
    assert not fits(line, {"lvl": "info"}) and not fits(line, {"lvl": "error+"}) and not fits(line, {"none": ""})


async def test_vars_have_what_clients_read(gateway: httpx.AsyncClient, worker: StandInWorker) -> None:
    await gateway.post(TASKS, json=body("counted", status="enabled"))
    found = (await gateway.get(f"{V1}/debug/vars")).json()
    assert (found["product"], found["version"], found["num_subscriptions"]) == ("kapacitor", "1.5.7", 0)
    assert found["num_tasks"] >= found["num_enabled_tasks"] >= 1
    stats = found["memstats"]
    assert stats["Alloc"] > 1 << 20
    assert len(stats["PauseNs"]) == 256
    assert all(type(value) in (int, float, bool, list) for value in stats.values())
    assert {one["name"] for one in found["kapacitor"].values()} >= {"streams"}
    assert all(one.keys() == {"name", "tags", "values"} for one in found["kapacitor"].values())


async def test_metrics_are_prometheus_text(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert lines.count("# TYPE tickbus_tasks gauge") == 1
    assert any(line.startswith('tickbus_process_cpu_seconds_total{service="standin",') for line in lines)


async def test_profiles(gateway: httpx.AsyncClient) -> None:
    pprof = f"{V1}/debug/pprof"
    raw = await gateway.get(f"{pprof}/profile?seconds=0.1")
    assert b"nanoseconds" in gzip.decompress(raw.content)
    text = (await gateway.get(f"{pprof}/heap?debug=1")).text
    assert any(line.startswith("standin ") and ";dict " in line for line in text.splitlines())
    stacks = (await gateway.get(f"{pprof}/goroutine?debug=2")).text
    assert "thread MainThread" in stacks and "test_profiles" in stacks
    assert (await gateway.get(f"{pprof}/profile?seconds=x")).status_code == 400


@pytest.mark.parametrize(
    ("name", "kinds", "heading"),
    [
        ("goroutine", [b"goroutine", b"count"], r"goroutine profile: total [1-9]\d*"),
        ("threadcreate", [b"threadcreate", b"count"], r"threadcreate profile: total [1-9]\d*"),
        ("block?seconds=0.3", [b"contentions", b"count", b"delay", b"nanoseconds"], "--- contention:"),
        ("mutex?seconds=0.3", [b"contentions", b"count", b"delay", b"nanoseconds"], "--- mutex:"),
    ],
)
async def test_profiles_are_in_the_formats_of_pprof(
    gateway: httpx.AsyncClient, name: str, kinds: list[bytes], heading: str
) -> None:
    place = f"{V1}/debug/pprof/{name}"
    lock = asyncio.Lock()
    async with lock:
        waiting = asyncio.create_task(a_lock(lock))
        raw = await gateway.get(place)
        text = (await gateway.get(f"{place}{'&' if '?' in name else '?'}debug=1")).text
    await waiting
    texts, samples = decoded(gzip.decompress(raw.content))
    assert [t for t in texts if t in kinds] == kinds
    assert samples > 0
    assert re.match(heading + "\n", text)
    assert any(re.fullmatch(r"#\t0x[0-9a-f]+\tstandin \d+\+0x0\t:0", line) for line in text.splitlines())
    if "thread" not in name:
        assert b"a_lock" in texts and "\ta_lock+0x0\t" in text
    if "mutex" in name:
        assert all("Lock.acquire" in stack for stack in text.split(" @ ")[1:])


async def a_lock(lock: asyncio.Lock) -> None:
    async with lock:
        pass


def decoded(profile: bytes) -> tuple[list[bytes], int]:
    """The texts of a profile, and how many samples it has."""
    texts, samples, at = [], 0, 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = profile[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(profile):
        field, kind = divmod(number(), 8)
        size = number()
        if kind == 2:
            texts += [profile[at : at + size]] if field == 6 else []
            samples += field == 2
            at += size
    return texts, samples


async def test_waits_are_refused_where_their_time_makes_no_sense(gateway: httpx.AsyncClient) -> None:
    for name in ("block", "mutex"):
        assert (await gateway.get(f"{V1}/debug/pprof/{name}?seconds=1e9")).status_code == 400


async def test_routes_name_every_resource(gateway: httpx.AsyncClient) -> None:
    found = (await gateway.get(f"{V1}/:routes")).json()
    assert found[f"{V1}/tasks"] == ["GET", "POST"]
    assert found[f"{V1}/tasks/"] == ["DELETE", "GET", "PATCH"]
    assert found["/write"] == ["POST"]


async def test_a_process_that_is_gone_is_not_waited_for_twice(gateway: httpx.AsyncClient, bus: Bus) -> None:
    bus.tell("tickbus.process.here", b'{"id": "gone", "service": "engine", "pid": 1, "host": ""}')
    first = await gateway.get("/metrics")
    assert first.status_code == 200
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await gateway.get("/metrics")
    assert loop.time() - began < 0.8
    assert 'service="standin"' in answer.text


async def test_figures(bus: Bus) -> None:
    (answer,) = await bus.ask_all("tickbus.ask.process.figures", b"{}", 1)
    found = orjson.loads(answer)
    assert FiguresAnswerSchema().validate(found) == {}
    assert found["resident_bytes"] > 1 << 20
