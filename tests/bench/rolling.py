"""A rolling upgrade: every process ends by SIGTERM and starts again, one after another, while clients write.

    python -m tests.bench.rolling

Two of each service on three NATS servers, in the order of compose/README.md. Clients write as Telegraf does: what is
refused is kept and sent again a second later. One has the addresses of both gateways, two have one each. Said is for
how long each was refused, and what was lost or doubled of what must come of the points: alerts, the posts of their
handlers, windows, what a task itself posts, and a recording that goes on all the while.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.crash.load import BASE_MS, LEVELS, STEP_MS, SUMS, Sink, sums, transitions, value
from tests.crash.processes import Api, Services, eventually
from tests.support.buffering_client import BufferingClient
from tests.support.nats_cluster import NatsCluster

SETTINGS = {"KAPACITOR_NATS_REPLICAS": "3"}
ORDER = ("alerting-a", "alerting-b", "recorder-a", "recorder-b", "one", "two", "gateway-a", "gateway-b")
GATEWAYS = ("gateway-a", "gateway-b")
PAUSE = 3.0  # between two, in which everything goes on as it is
LAST_SECONDS = 60.0

POSTED = """
stream
    |from().measurement('numbers').groupBy('host')
    |window().period(2s).every(2s).align()
    |sum('n').as('sum')
    |httpPost('SINK/windows')
"""
SCRIPTS = {"sums": SUMS, "levels": LEVELS, "posted": POSTED}


class Sums(Sink):
    """Takes the posts of httpPost, too."""

    async def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path != "/windows":
            await super()._take(path, headers, body)
            return
        for series in orjson.loads(body)["series"]:
            at = series["columns"].index("sum")
            got = [{"message": str(row[at])} for row in series["values"]]
            self.got.setdefault((path, series["tags"]["host"]), []).extend(got)


def client_of(services: Services, host: str, *gateways: str) -> BufferingClient:
    """One that writes the points of a host to these gateways, as tests.crash.load has them."""

    def line(n: int) -> str:
        return f"numbers,host={host} n={n}i,load={value(n)} {BASE_MS + n * STEP_MS}"

    return BufferingClient([services[name].url for name in gateways], line)


async def define(api: Api, sink: Sink, *ids: str) -> None:
    """What is to run."""
    for id in ids:
        answer = await api.define(id, SCRIPTS[id].replace("SINK", sink.url))
        assert answer.status_code == 200, answer.text


async def differences(sink: Sink, clients: dict[str, BufferingClient], *paths: str) -> tuple[list[str], list[str]]:
    """What has not come on these paths that must have, and what has come besides, in the end."""
    expected = {
        (path, host): transitions(0, client.written) if path == "/levels" else sums(client.written)
        for host, client in clients.items()
        for path in paths
    }
    with contextlib.suppress(AssertionError):
        await eventually(
            lambda: all(len(sink.messages(*key)) >= len(those) for key, those in expected.items()), "all", LAST_SECONDS
        )
    await asyncio.sleep(1)  # what should not come at all would come now
    lost, doubled = [], []
    for key, those in expected.items():
        missing, more = _difference(those, sink.messages(*key))
        lost += [f"{key}: {one}" for one in missing]
        doubled += [f"{key}: {one}" for one in more]
    return lost, doubled


def _difference(expected: Sequence[str], got: Sequence[str]) -> tuple[list[str], list[str]]:
    lost, more = Counter(expected) - Counter(got), Counter(got) - Counter(expected)
    return list(lost.elements()), list(more.elements())


async def play(directory: Path) -> bool:
    """Do it; whether nothing was lost or doubled, and who has both addresses was never refused longer than a retry."""
    nats = NatsCluster(directory / "nats")
    async with Services(directory, SETTINGS, nats) as services, Sums() as sink, Api(services) as api:
        await nats.ready()
        await services.start(*ORDER)
        await define(api, sink, *SCRIPTS)
        await _record(api)
        clients = {"both": client_of(services, "both", *GATEWAYS)}
        clients |= {name: client_of(services, name, name) for name in GATEWAYS}
        async with contextlib.AsyncExitStack() as stack:
            for client in clients.values():
                await stack.enter_async_context(client.running())
            await asyncio.sleep(PAUSE)
            for name in nats.servers:
                await _restart_server(nats, name, clients)
            for name in ORDER:
                await _restart_service(services, name, clients)
        recorded = await _recorded(api)
        lost, doubled = await differences(sink, clients, "/levels", "/sums", "/windows")
        missing, more = _difference([f"{h} {n}" for h, c in clients.items() for n in range(c.written)], recorded)
        for host, client in clients.items():
            say(
                client=host, points=client.written, tries_failed=client.failed, longest=round(client.longest_refused, 2)
            )
            for refusal in client.refusals[:5]:
                say(refused=refusal[:200])
        say(lost=lost[:20], doubled=doubled[:20], recording={"lost": missing[:5], "doubled": more[:5]})
        refused = clients["both"].longest_refused > clients["both"].retry
        return not (refused or lost or doubled or missing or more)


async def _restart_server(nats: NatsCluster, name: str, clients: dict[str, BufferingClient]) -> None:
    await nats.up_to_date()
    began, before = time.monotonic(), _failed(clients)
    await asyncio.to_thread(nats.servers[name].stop)
    await asyncio.sleep(PAUSE)
    await asyncio.to_thread(nats.servers[name].start)
    await nats.ready()
    await nats.up_to_date()
    say(restarted=name, seconds=round(time.monotonic() - began, 1), tries_failed=_failed(clients) - before)


async def _restart_service(services: Services, name: str, clients: dict[str, BufferingClient]) -> None:
    began, before = time.monotonic(), _failed(clients)
    code = await services[name].stop()
    stopped = time.monotonic()
    await services.start(name)
    seconds = {"stop": round(stopped - began, 1), "start": round(time.monotonic() - stopped, 1)}
    await asyncio.sleep(PAUSE)
    say(restarted=name, code=code, seconds=seconds, tries_failed=_failed(clients) - before)


def _failed(clients: dict[str, BufferingClient]) -> int:
    return sum(client.failed for client in clients.values())


async def _record(api: Api) -> None:
    body = {"id": "all", "task": "sums", "stop": "2024-01-01T00:00:00Z"}
    answer = await api.call("POST", "/kapacitor/v1/recordings/stream", json=body)
    assert answer.status_code == 201, answer.text


async def _recorded(api: Api) -> list[str]:
    """The points of the recording, which ends with one whose time is after its end."""
    assert (await api.write("numbers,host=end n=0i 1735689600000")).status_code == 204
    path = "/kapacitor/v1/recordings/all"
    async with asyncio.timeout(LAST_SECONDS):
        while (answer := await api.call("GET", path)).status_code == 202:
            await asyncio.sleep(0.1)
    assert answer.json()["status"] == "finished", answer.text
    file = await api.call("GET", f"{path}/file")
    lines = gzip.decompress(file.content).decode().split("\n")[2::3]
    points = (line.partition("host=")[2].partition(" ") for line in lines)
    return [f"{host} {rest.partition('n=')[2].partition('i')[0]}" for host, _, rest in points]


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


def main() -> int:
    directory = Path(tempfile.mkdtemp(prefix="tickbus-rolling-"))
    try:
        return 0 if asyncio.run(play(directory)) else 1
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    raise SystemExit(main())
