"""kill -9 of the recorder: a recording has every point once, a replay goes on and says nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from tests.crash.processes import Api, Services
from tests.support.alerts import sink
from tests.support.influx import BINARY, Influxd, influxd

RECORDINGS, REPLAYS = "/kapacitor/v1/recordings", "/kapacitor/v1/replays"
START = 1_700_000_000


async def ended(api: Api, path: str, status: str = "finished") -> dict[str, Any]:
    """Wait until a recording or replay does not run any more."""
    deadline = time.monotonic() + 60
    while (answer := await api.call("GET", path)).status_code == 202:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200 and body["status"] == status, body
    return body


async def record(api: Api, id: str) -> None:
    body = {"id": id, "task": "t", "stop": "2023-11-15T00:00:00Z"}
    assert (await api.call("POST", f"{RECORDINGS}/stream", json=body)).status_code == 201


async def test_a_recording_is_whole_after_its_recorder_was_killed(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "recorder")
        await api.define("t", "stream|from().measurement('m')|log()", status="disabled")
        await record(api, "r")
        padding = "x" * 2000
        for write in range(60):
            # 24 MB in all: several chunks are stored before the end
            lines = [f'm v={write * 200 + i}i,s="{padding}" {START * 1000 + write * 200 + i}' for i in range(200)]
            assert (await api.write("\n".join(lines))).status_code == 204
            if write in (20, 40):
                await services["recorder"].kill()
                await services.start("recorder")
        assert (await api.write(f"m v=0 {START * 1000 + 10**8}")).status_code == 204
        await ended(api, f"{RECORDINGS}/r")
        file = await api.call("GET", f"{RECORDINGS}/r/file")
        points = gzip.decompress(file.content).split(b"\n")[2::3]
        assert [int(p[4 : p.index(b"i,")]) for p in points] == list(range(12_000))


async def test_nats_is_killed_in_the_middle_of_a_recording(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "recorder")
        await api.define("t", "stream|from().measurement('m')|log()", status="disabled")
        await record(api, "r")
        padding = "x" * 2000
        for write in range(30):
            lines = [f'm v={write * 200 + i}i,s="{padding}" {START * 1000 + write * 200 + i}' for i in range(200)]
            if write in (10, 20):
                await services.nats.restart(kill=True)
            async with asyncio.timeout(20):
                while (await api.write("\n".join(lines), key=f"w{write}")).status_code != 204:
                    await asyncio.sleep(0.1)
        shown = (await api.call("GET", f"{RECORDINGS}/r")).json()
        assert (shown["status"], shown["error"]) == ("running", "")
        assert (await api.write(f"m v=0 {START * 1000 + 10**8}")).status_code == 204
        assert (await ended(api, f"{RECORDINGS}/r"))["size"] > 0
        file = await api.call("GET", f"{RECORDINGS}/r/file")
        points = gzip.decompress(file.content).split(b"\n")[2::3]
        assert [int(p[4 : p.index(b"i,")]) for p in points] == list(range(6_000))


async def test_the_log_drops_what_a_hanging_recorder_has_not_seen(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "recorder")
        await api.define("t", "stream|from().measurement('m')|log()", status="disabled")
        await record(api, "r")
        assert (await api.write(f"m v=0 {START * 1000}")).status_code == 204
        services["recorder"].send(signal.SIGSTOP)
        async with await Bus.connect(services.nats.url) as bus:
            for number in range(1, 5):
                assert (await api.write(f"m v={number} {START * 1000 + number}")).status_code == 204
            await bus._link.api("STREAM.PURGE.WRITES", {})
        services["recorder"].send(signal.SIGCONT)
        assert (await api.write(f"m v=5 {START * 1000 + 5}")).status_code == 204
        shown = await ended(api, f"{RECORDINGS}/r", "failed")
        assert "the log no longer holds the writes" in shown["error"] and shown["progress"] == 1
        assert (await api.call("DELETE", f"{RECORDINGS}/r")).status_code == 204
        await record(api, "r")


async def test_a_replay_goes_on_after_its_recorder_was_killed(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Api(services) as api, sink() as web:
        await services.start("gateway", "alerting", "recorder")
        script = f"""stream|from().measurement('m')
            |alert().id('x').crit(lambda: TRUE).message('{{{{ index .Fields "v" }}}}').post('{web.url}')"""
        await api.define("t", script, status="disabled")
        await record(api, "r")
        lines = "\n".join(f"m v={i}i {START + i}" for i in range(12))
        assert (await api.write(lines + f"\nm v=0i {START + 10**6}", precision="s")).status_code == 204
        await ended(api, f"{RECORDINGS}/r")
        body = {"id": "p", "task": "t", "recording": "r", "clock": "real", "recording-time": True}
        assert (await api.call("POST", REPLAYS, json=body)).status_code == 201
        for count in (2, 6):
            await web.came(count, timeout=30)
            await services["recorder"].kill()
            await services.start("recorder")
        assert (await ended(api, f"{REPLAYS}/p"))["error"] == ""
        await web.came(12)
        with contextlib.suppress(TimeoutError):
            await web.came(13, timeout=0.5)
        assert [int(e["message"]) for e in web.events()] == list(range(12))


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
async def test_a_recording_of_queries_is_whole_after_its_recorder_was_killed(tmp_path: Path) -> None:
    """300 queries of 100 kB each; the recorder dies while it asks."""
    with influxd(tmp_path) as influx:
        await fill(influx, 300, 100)
        async with Services(tmp_path, clusters(influx)) as services, Api(services) as api:
            await services.start("gateway", "recorder")
            await define_batch(api, "t", "SELECT v, s FROM d.autogen.m", "|log()")
            body = {"id": "r", "task": "t", "start": "2023-11-14T22:13:20Z", "stop": "2023-11-14T22:18:20Z"}
            assert (await api.call("POST", f"{RECORDINGS}/batch", json=body)).status_code == 201
            for kill in range(3):
                assert await moved(api, f"{RECORDINGS}/r") or kill
                await services["recorder"].kill()
                await services.start("recorder")
            await ended(api, f"{RECORDINGS}/r")
            file = await api.call("GET", f"{RECORDINGS}/r/file")
            with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
                batches = [orjson.loads(line) for line in archive.read("0").splitlines()]
            assert [[p["fields"]["v"] for p in b["points"]] for b in batches] == [
                [float(100 * i + j) for j in range(100)] for i in range(300)
            ]


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
async def test_a_replay_of_batches_goes_on_after_its_recorder_was_killed(tmp_path: Path) -> None:
    with influxd(tmp_path) as influx:
        await fill(influx, 12, 1)
        async with Services(tmp_path, clusters(influx)) as services, Api(services) as api, sink() as web:
            await services.start("gateway", "alerting", "recorder")
            alert = f"""|alert().id('x').crit(lambda: TRUE).message('{{{{ index .Fields "v" }}}}').post('{web.url}')"""
            await define_batch(api, "t", "SELECT v FROM d.autogen.m", alert)
            span = {"task": "t", "start": "2023-11-14T22:13:20Z", "stop": "2023-11-14T22:13:32Z"}
            more = {"clock": "real", "recording-time": True}
            for path, kills in ((f"{REPLAYS}/batch", (2, 6)), (REPLAYS, (14, 18))):
                if path == REPLAYS:
                    answer = await api.call("POST", f"{RECORDINGS}/batch", json={"id": "r", **span})
                    assert answer.status_code == 201
                    await ended(api, f"{RECORDINGS}/r")
                id = f"p{kills[0]}"
                body = {"id": id, "recording": "r", **span, **more}
                assert (await api.call("POST", path, json=body)).status_code == 201
                for count in kills:
                    await web.came(count, timeout=30)
                    await services["recorder"].kill()
                    await services.start("recorder")
                assert (await ended(api, f"{REPLAYS}/{id}"))["error"] == ""
                await web.came(kills[0] + 10)
            with contextlib.suppress(TimeoutError):
                await web.came(25, timeout=0.5)
            assert [int(e["message"]) for e in web.events()] == [*range(12), *range(12)]


def clusters(influx: Influxd) -> dict[str, str]:
    return {"KAPACITOR_INFLUXDB_0_URLS_0": influx.url}


async def fill(influx: Influxd, seconds: int, each: int) -> None:
    """Points of m from START on, so many a second, each of a kilobyte."""
    influx.query("CREATE DATABASE d")
    step = 10**9 // each
    for second in range(0, seconds, 50):
        numbers = range(second * each, min(second + 50, seconds) * each)
        lines = "\n".join(f'm v={i},s="{"x" * 1000}" {START * 10**9 + i * step}' for i in numbers)
        async with httpx.AsyncClient(timeout=30) as client:
            written = await client.post(f"{influx.url}/write", params={"db": "d"}, content=lines)
        assert written.status_code == 204, written.text


async def define_batch(api: Api, id: str, query: str, below: str) -> None:
    script = f"batch|query('{query}').period(1s).every(1s){below}"
    task = {"id": id, "type": "batch", "dbrps": [{"db": "d", "rp": "autogen"}], "script": script, "status": "disabled"}
    answer = await api.call("POST", "/kapacitor/v1/tasks", json=task)
    assert answer.status_code == 200, answer.text


async def moved(api: Api, path: str) -> bool:
    """Wait until a recording that runs has stored something more; False: it runs no more."""
    before: int | None = None
    async with asyncio.timeout(30):
        while (answer := await api.call("GET", path)).status_code == 202:
            size = answer.json()["size"]
            before = size if before is None else before
            if size > before:
                return True
            await asyncio.sleep(0.01)
    return False
