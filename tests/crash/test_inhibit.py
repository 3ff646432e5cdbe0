"""Inhibition over tasks on several workers, with everything killed in between."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import orjson

from services.bus.connection import Bus
from services.bus.subjects import alert_subject
from tests.crash.load import Sink
from tests.crash.processes import Api, Serve

HOST = """stream|from().measurement('up').groupBy('host')
    |alert().id('up {{ index .Tags "host" }}').crit(lambda: "ok" == FALSE).inhibit('usage', 'host')
"""
CPU = """stream|from().measurement('cpu').groupBy('host', 'core')
    |alert().id('{{ index .Tags "host" }}').message('{{ index .Fields "v" }}').category('usage')
        .info(lambda: TRUE).topic('cpu').post('SINK/cpu')
"""


async def test_what_is_inhibited_stays_so_whatever_dies(tmp_path: Path) -> None:
    async with Serve(tmp_path, workers=3) as serve, Api(serve) as api, Sink() as sink:

        async def told(host: str, *expected: int) -> None:
            await sink.count("/cpu", host, len(expected))
            assert sink.messages("/cpu", host) == [str(v) for v in expected]

        async def write(line: str) -> None:
            assert (await api.write(line)).status_code == 204

        async def inhibited(count: int) -> None:
            await api.until_stats("cpu", "alert2", alerts_inhibited=count)

        assert (await api.define("cpu", CPU.replace("SINK", sink.url))).status_code == 200
        for number in range(4):  # on more than one worker, whichever
            assert (await api.define(f"host{number}", HOST)).status_code == 200
        await write("up,host=a ok=false 1")
        for number in range(4):
            await api.until_stats(f"host{number}", "alert2", alerts_triggered=1)
        await write("cpu,host=a,core=0 v=1i 2\ncpu,host=b,core=0 v=1i 2")
        await told("b", 1)
        await inhibited(1)
        await _told_on_the_bus(serve)
        for name in ("engine-0", "engine-1", "engine-2", "alerting", "nats"):
            await serve.kill_service(name)
        await serve.kill()
        for file in serve.data.glob("alerting/*"):
            file.unlink()
        await serve.start()
        await write("cpu,host=a,core=0 v=2i 3\ncpu,host=b,core=0 v=2i 3")
        await told("b", 1, 2)
        await inhibited(2)
        # one of them after another ends: by an OK, by being disabled, by being deleted
        assert (await api.call("PATCH", "/kapacitor/v1/tasks/host0", json={"status": "disabled"})).status_code == 200
        assert (await api.call("DELETE", "/kapacitor/v1/tasks/host1")).status_code == 204
        await write("cpu,host=a,core=0 v=3i 4")
        await inhibited(3)
        await write("up,host=a ok=true 5")
        for number in (2, 3):
            await api.until_stats(f"host{number}", "alert2", alerts_triggered=2)
        await write("cpu,host=a,core=0 v=4i 6")
        await told("a", 4)
        stats = await api.stats("cpu", "alert2")
        assert (stats["alerts_triggered"], stats["infos_triggered"], stats["alerts_inhibited"]) == (3, 3, 3)
        topic = (await api.call("GET", "/kapacitor/v1/alerts/topics/cpu/events/a")).json()
        assert topic["state"]["message"] == "4"


async def _told_on_the_bus(serve: Serve) -> None:
    """Wait until the bus has that the alerts are sent: the alerting's own files, which know it first, are to go."""
    async with await Bus.connect(serve.state()["nats"], "test") as bus:
        bucket = await bus.bucket("tickbus-alerting")
        deadline = time.monotonic() + 60
        while True:
            last = await bus.last_subject_sequence(alert_subject("main:cpu:alert2"))
            progress = [orjson.loads(entry.value) for entry in await bucket.entries()]
            if any(one["position"] >= last for one in progress) and not any(one["behind"] for one in progress):
                return
            assert time.monotonic() < deadline, (last, progress)
            await asyncio.sleep(0.05)
