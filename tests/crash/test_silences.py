"""Alertings are killed while silences end and digests are due: each alert is told once, but what was under way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.bus.connection import Bus
from tests.crash.processes import Api, Services, eventually
from tests.support.alerts import CRITICAL, OK, Sink, alerts, give, post, send, sink

ALERTS = 40
MS = 10**6
AHEAD, STEP = 5_000, 60  # ms until the first silence ends, and from one end to the next
TIMES = {"wait": 50 * MS, "interval": 50 * MS, "repeat": 0}
SILENCES = "/kapacitor/v1/silences"

A, B = "alerting-a", "alerting-b"


@pytest.mark.parametrize("alertings", [(A,), (A, B)], ids=["one", "two"])
async def test_alertings_are_killed_while_silences_end(tmp_path: Path, alertings: tuple[str, ...]) -> None:
    async with sink() as web, Services(tmp_path) as services, await Bus.connect(services.nats.url, "test") as bus:
        await bus.ensure_streams()
        await services.start("gateway", *alertings)
        async with Api(services) as api:
            await _begin(bus, api, web)
            await send(bus, alerts([(f"free{i}", CRITICAL) for i in range(3)], 1, host="free"), 0, "cpu")
            for i in range(ALERTS):
                await send(bus, alerts([(f"a{i}", CRITICAL)], 2 + i, host=f"h{i}"), 0, "cpu")
            killed = 0
            for name, part in ((alertings[0], 0.2), (alertings[-1], 0.6)):
                some = 3 + round(ALERTS * part)
                await eventually(lambda some=some: len(_once(web, "/cpu")) >= some, "some are told")  # type: ignore[misc]
                await services[name].kill()
                await services.start(name)
                killed += 1
            await eventually(lambda: len(_once(web, "/cpu")) >= ALERTS + 3, "all alerts are told")
            await eventually(lambda: len(_once(web, "/digests")) >= ALERTS + 1, "all digests are told")
            # what lies behind all that was told
            await send(bus, alerts([("last", CRITICAL)], 100, host="last"), 0, "cpu")
            await eventually(
                lambda: "cpu/host=last" in {one["id"] for one in _once(web, "/digests")}, "the last digest"
            )
    told = Counter((one["id"], one["level"]) for one in _once(web, "/cpu"))
    assert set(told.values()) == {1} and len(told) == ALERTS + 4
    digests = Counter((one["id"], one["message"].partition(": ")[2]) for one in _once(web, "/digests"))
    assert {text for _, text in digests} <= {"1 firing, 0 resolved", "3 firing, 0 resolved"}
    assert set(digests.values()) == {1} and len(digests) == ALERTS + 2
    assert len(web.posts) - len(_once(web, "/")) <= 2 * killed, "only what was under way came again"


async def test_a_gateway_is_killed_while_silences_are_made(tmp_path: Path) -> None:
    async with sink() as web, Services(tmp_path) as services, await Bus.connect(services.nats.url, "test") as bus:
        await bus.ensure_streams()
        await services.start("gateway", A)
        async with Api(services) as api:
            await give(bus, "cpu", "post", post(f"{web.url}/cpu"))
            made: set[int] = set()

            async def make(i: int) -> None:
                with contextlib.suppress(httpx.TransportError):  # the gateway died: nobody said that there is one
                    answer = await _silence(api, i, time.time_ns() + 10**12)
                    made.update({i} if answer.status_code == 200 else ())

            making = [asyncio.create_task(make(i)) for i in range(ALERTS)]
            await eventually(lambda: len(made) >= ALERTS // 4, "some are made")
            await services["gateway"].kill()
            await asyncio.gather(*making)
            await services.start("gateway")
            found = (await api.call("GET", SILENCES, params={"limit": -1})).json()["silences"]
            there = {int(one["id"]) for one in found}
            assert made <= there
            events = [(f"a{i}", CRITICAL) for i in range(ALERTS)]
            for i, event in enumerate(events):
                await send(bus, alerts([event, (event[0], OK)], 1 + i, host=f"h{i}"), 0, "cpu")
            await send(bus, alerts([("last", CRITICAL)], 100, host="last"), 0, "cpu")
            await eventually(lambda: "last" in {one["id"] for one in _once(web, "/cpu")}, "the last is told")
    assert {one["id"] for one in _once(web, "/cpu")} == {"last"} | {f"a{i}" for i in range(ALERTS) if i not in there}


async def _begin(bus: Bus, api: Api, web: Sink) -> None:
    """Handlers of both kinds, and a silence for each alert that is to come; their ends lie one behind the other."""
    for topic in ("cpu", "digests"):
        await give(bus, topic, "post", post(f"{web.url}/{topic}"))
    await give(bus, "cpu", "group", {"kind": "group", "options": {"topic": "digests", "by": ["host"], **TIMES}})
    first = time.time_ns() + AHEAD * MS
    answers = await asyncio.gather(*(_silence(api, i, first + i * STEP * MS) for i in range(ALERTS)))
    assert {answer.status_code for answer in answers} == {200}


async def _silence(api: Api, i: int, end: int) -> httpx.Response:
    return await api.call("POST", SILENCES, json={"id": str(i), "matchers": [f"host=h{i}"], "end": end})


def _once(web: Sink, path: str) -> list[dict[str, Any]]:
    """What has come on a path, without what came once more under its key."""
    found = {headers["idempotency-key"]: json.loads(body) for at, headers, body in web.posts if at.startswith(path)}
    return list(found.values())
