"""Inputs that are large, slow or without end: each gets its error, and everybody else is served meanwhile.

tests.bench.hostile tries more of them, and larger ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import os
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.crash.load import Sink
from tests.crash.processes import Api, Serve

V1 = "/kapacitor/v1"
_MANY = httpx.Limits(max_connections=100)
FROM = "stream|from().measurement('hostile')"
LONGEST = 4.0
"""Seconds that somebody else may wait, on a machine that has other things to do. Without bounds it was 20 to 60."""


class Probe:
    """A point every 50 ms, which a task shows."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.worst = 0.0
        self.points = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        assert (await self._api.define("probe", "stream|from().measurement('probe')|httpOut('n')")).status_code == 200
        probing = asyncio.create_task(self._run())
        try:
            yield
        finally:
            probing.cancel()
            await asyncio.wait([probing])

    async def _run(self) -> None:
        while True:
            self.points += 1
            begun = time.monotonic()
            try:
                assert (await self._api.write(f"probe n={self.points}i")).status_code == 204
                while await self._shown() != self.points:
                    await asyncio.sleep(0.01)
            finally:
                self.worst = max(self.worst, time.monotonic() - begun)
            await asyncio.sleep(0.05)

    async def _shown(self) -> int:
        answer = await self._api.call("GET", f"{V1}/tasks/probe/n")
        series = answer.json().get("series") if answer.status_code == 200 else None
        return int(series[0]["values"][0][1]) if series else 0


async def test_they_hold_up_nobody(tmp_path: Path) -> None:
    settings = {"KAPACITOR_STORAGE_MAX_IMPORT": "32m"}
    async with Serve(tmp_path, environment=settings) as serve, Api(serve) as api, Sink() as sink:
        pids = {name: service["pid"] for name, service in serve.services().items()}
        probe = Probe(api)
        async with probe.running():
            await _scripts(api)
            await _bodies(api)
            await _sideload(api, tmp_path)
            await _imports(api)
            await _profiles(api)
            await _handlers(api, sink, tmp_path)
            await _logs(serve, api)
        assert probe.points > 20
        assert probe.worst < LONGEST
        assert pids == {name: service["pid"] for name, service in serve.services().items()}


async def _scripts(api: Api) -> None:
    for script, error in (
        (f"var s = {FROM}\n" + "s|log()\n" * 30_000, "the script has more than 50000 words"),
        ("var x = " + "1s" * 100_000 + "\n" + FROM, "the script has more than 50000 words"),
        ("var x = '" + "x" * (1 << 20) + "'\n" + FROM, "the script is longer than 262144 characters"),
        (FROM + "|log()" * 2000, "more than 500 nodes stand in a row"),
        (FROM + "|stats(1u)", "interval must be at least 1ms"),
        ("".join(f"var x{i} = /\\pL{{100}}{i}/\n" for i in range(200)) + FROM, "regular expressions compile to more"),
    ):
        answer = await api.define("hostile", script)
        assert answer.status_code == 400 and error in answer.json()["error"], answer.text[:300]
    large = f"var s = {FROM}\n" + "s|eval(lambda: \"v\" + 1.0).as('x')\n" * 400
    answer = await api.define("large", large, status="disabled")
    assert answer.status_code == 200, answer.text[:300]


async def _bodies(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    arrays = b"[" + b"[]," * (6 << 20) + b"[]]"
    for body, status in ((arrays, 413), (b"[" * 1_000_000, 400), (b'{"vars":{"x":' + b"1" * 1_000_000 + b"}}", 400)):
        assert (await api.call("POST", f"{V1}/tasks", content=body, headers=headers)).status_code == status


async def _sideload(api: Api, folder: Path) -> None:
    (folder / "values").mkdir()
    os.mkfifo(folder / "values" / "a.yml")
    script = FROM + f"|sideload().source('file://{folder / 'values'}').order('a.yml').field('x', 0.0)"
    answer = await api.define("sideload", script)
    assert answer.status_code == 500 and "a.yml is not a regular file" in answer.json()["error"]
    (folder / "values" / "a.yml").unlink()
    (folder / "values" / "a.yml").write_text("".join(f"k{i}: {i}\n" for i in range(20_000)))
    assert (await api.define("sideload2", script)).status_code == 200


async def _imports(api: Api) -> None:
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as archive:
        for i in range(5000):
            archive.writestr(str(i), b"")
    for file, error in (
        (gzip.compress(b"db\nrp\nm v=1 1\n" * (3 << 20), 1), "unpacks to more than 33554432 bytes"),
        (files.getvalue(), "holds more than 1000 files"),
    ):
        answer = await api.call("POST", f"{V1}/recordings/import", content=file)
        assert answer.status_code == 413 and error in answer.json()["error"], answer.text


async def _profiles(api: Api) -> None:
    answers = await asyncio.gather(*(api.call("GET", f"{V1}/debug/pprof/heap") for _ in range(4)))
    statuses = {answer.status_code for answer in answers}
    assert 200 in statuses and statuses <= {200, 503}


async def _handlers(api: Api, sink: Sink, folder: Path) -> None:
    """A pipe that nobody reads holds up no other handler."""
    os.mkfifo(folder / "pipe")
    alert = FROM + f"|alert().id('x').message('m').info(lambda: TRUE).log('{folder / 'pipe'}').post('{sink.url}/live')"
    assert (await api.define("pipe", alert)).status_code == 200
    for n in range(1, 21):
        assert (await api.write(f"hostile v={n}i {n}")).status_code == 204
    await sink.count("/live", "x", 20, timeout=30)


async def _logs(serve: Serve, api: Api) -> None:
    """Streams that nobody reads."""
    async with contextlib.AsyncExitStack() as open_, httpx.AsyncClient(base_url=serve.url, limits=_MANY) as client:
        statuses = []
        for _ in range(66):
            stream = client.stream("GET", "/kapacitor/v1preview/logs", timeout=20)
            statuses.append((await open_.enter_async_context(stream)).status_code)
        assert statuses.count(200) == 64 and statuses[-1] == 503
        for n in range(200):
            assert (await api.write(f"hostile v={n}i {n}")).status_code == 204
