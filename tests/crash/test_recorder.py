"""kill -9 of the recorder: a recording has every point once, a replay goes on and says nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import signal
import time
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from tests.crash.processes import Api, Services
from tests.support.alerts import sink

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
