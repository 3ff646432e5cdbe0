"""Data, scripts and endpoints that are no good: each gives its error or count, and everything else goes on."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from pathlib import Path

from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Serve

FAILING = """
stream
    |from().measurement('odd')
    |eval(lambda: EXPRESSION).as('x')
    |httpOut('out')
"""


async def test_everything_else_goes_on(tmp_path: Path) -> None:
    """One after another under one load, whose outcome is then compared."""
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        pids = {name: service["pid"] for name, service in serve.services().items()}
        load = Load(api)
        async with load.running():
            await _failing_scripts(serve, api)
            await _failing_task(serve, api)
            await _garbage(serve, api)
            await _names_too_long(serve, api)
            await _too_large(api)
            await _hanging_endpoint(api, sink)
            await load.more(50)
        await check_both(load, sink)
        assert pids == {name: service["pid"] for name, service in serve.services().items()}


async def test_many_groups(tmp_path: Path) -> None:
    groups = 10_000
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        script = """
            stream|from().measurement('many').groupBy('id')
                |window().period(10s).every(10s).align()
                |sum('v').as('sum')
                |alert().id('all').message('{{ index .Fields "sum" }}').info(lambda: "sum" < 0.0).post('SINK/many')
        """
        assert (await api.define("many", script.replace("SINK", sink.url))).status_code == 200
        load = Load(api)
        base = 1_700_000_000_000
        async with load.running():
            for second in range(0, 25, 5):
                lines = "\n".join(f"many,id={i} v={i}.0 {base + second * 1000}" for i in range(groups))
                assert (await api.write(lines)).status_code == 204
            stats = await api.until_stats("many", "sum3", emitted=2 * groups)
            assert stats["working_cardinality"] == groups
            await serve.kill_service("engine-0")
            lines = "\n".join(f"many,id={i} v={i}.0 {base + 30_000}" for i in range(groups))
            assert (await api.write(lines)).status_code == 204
            await api.until_stats("many", "sum3", emitted=3 * groups)
            await load.more(50)
        await check_both(load, sink)


async def _failing_scripts(serve: Serve, api: Api) -> None:
    """What fails for a point drops the point and is counted on the node; the log says why."""
    for id, expression, reason in (
        ("types", '"i" + "f"', "mismatched type"),
        ("missing", '"nothing" * 2.0', "type missing"),
        ("division", '"i" / "zero"', "integer divide by zero"),
    ):
        assert (await api.define(id, FAILING.replace("EXPRESSION", expression))).status_code == 200
        before = await api.stats(id, "from1")
        assert (await api.write("odd i=1i,f=2.5,zero=0i 1\nodd i=2i,f=2.5,zero=0i 2")).status_code == 204
        stats = await api.until_stats(id, "eval2", collected=before.get("collected", 0) + 2, errors=2)
        assert stats["emitted"] == 0
        task = await api.task(id)
        assert task["executing"] and task["error"] == ""
        assert any(reason in line and f"task={id}" in line for line in serve.logged("lvl=error")), id


async def _failing_task(serve: Serve, api: Api) -> None:
    """A task that ends by itself says why, runs no more, and runs again when it is enabled again."""
    script = "stream|from().measurement('odd')|alert().id('{{ index .Tags 1 2 }}').info(lambda: TRUE)"
    assert (await api.define("ends", script)).status_code == 200
    assert (await api.write("odd i=1i 1")).status_code == 204
    async with asyncio.timeout(30):
        while (task := await api.task("ends"))["executing"]:
            await asyncio.sleep(0.05)
    assert task["error"] and task["status"] == "enabled"
    for status, executing in (("disabled", False), ("enabled", True)):
        answer = await api.call("PATCH", "/kapacitor/v1/tasks/ends", json={"status": status})
        assert answer.status_code == 200, answer.text
        assert (await api.task("ends"))["executing"] is executing


async def _names_too_long(serve: Serve, api: Api) -> None:
    """Names that the bus cannot carry: a task that has one does not start, or is not taken at all."""
    long, alert = "x" * 5000, "stream|from()|alert().info(lambda: TRUE)"
    answer = await api.define("long", "stream|from()", rp=long)
    assert (answer.status_code, answer.json()["error"][:29]) == (400, "invalid dbrp: name too long: ")
    for id, script, what in (
        ("long.topic", f"{alert}.topic('{long}')", "topic name too long"),
        ("l" * 1200, f"{alert}.log('/dev/null')", "topic name too long"),
        ("long.loop", f"stream|from()|kapacitorLoopback().database('{long}').retentionPolicy('rp')", "dbrp name too"),
    ):
        answer = await api.define(id, script)
        assert answer.status_code == 500 and what in answer.json()["error"], answer.text
    # as gateways took it before they looked
    data = {"id": "long.rp", "type": "stream", "script": "stream|from()", "dbrps": [{"db": "db", "rp": long}]}
    data |= {"vars": {}, "status": "enabled", "created": "2026-01-01T00:00:00Z", "position": 0}
    async with await Bus.connect(serve.state()["nats"], "test") as bus:
        event = Event("task", "long.rp", "defined", data, time.time_ns())
        headers, body = encode(event)
        await bus.publish(event.subject, body, headers)
    async with asyncio.timeout(30):
        while (answer := await api.call("GET", "/kapacitor/v1/tasks/long.rp")).json().get("error", "") in (
            "",
            "no task exists",
        ):
            await asyncio.sleep(0.05)
    assert "dbrp name too long" in answer.json()["error"]
    assert (await api.call("DELETE", f"/kapacitor/v1/alerts/topics/{long}")).status_code == 204
    assert (await api.define("lives", "stream|from().measurement('lives')")).json()["executing"]


async def _garbage(serve: Serve, api: Api) -> None:
    """What other programs put on the bus."""
    script = "stream|from().measurement('fine')"
    assert (await api.define("fine", script)).status_code == 200
    async with await Bus.connect(serve.state()["nats"], "test") as bus:
        for data in (
            b"",
            b"\x00\xff garbage",
            b"fine v=",
            b'fine v="open',
            b"fine v=1 notatime",
            b"fine v=1i\nno fields",
        ):
            await bus.publish("tickbus.write.db.rp", data)
        for subject in ("tickbus.write.db", "tickbus.write.a.b.c", "tickbus.write.=ZZ.rp"):
            await bus.publish(subject, b"fine v=1")
        headers = {"precision": "fortnights", "received": "yesterday"}
        await bus.publish("tickbus.write.db.rp", b"fine v=1 1", headers)
        await bus.publish("tickbus.alert.what", b"\xff not an alert")
        await bus.publish("tickbus.event.task.some.defined", b"not an event")
        await bus.publish("tickbus.event.run.sums.started", b"{}")
        await bus.publish("tickbus.write.db.rp", b"fine v=2 2")
    await api.until_stats("fine", "from1", collected=2)
    assert serve.logged("a message on the bus is not line protocol and is skipped")
    assert serve.logged("a message is no alert and is skipped")


async def _too_large(api: Api) -> None:
    """A body over the limit, plain, in parts and gzipped."""
    script = "stream|from().measurement('large')"
    assert (await api.define("large", script)).status_code == 200
    line = b"large,host=a v=1i 1\n"
    over = line * ((65 << 20) // len(line))
    answer = await api.write(over)
    assert answer.status_code == 413 and "too large" in answer.text

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(over), 1 << 20):
            yield over[start : start + (1 << 20)]

    parameters = {"db": "db", "rp": "rp", "precision": "ms"}
    assert (await api.call("POST", "/write", params=parameters, content=parts())).status_code == 413
    zipped = gzip.compress(over, 1)
    answer = await api.call("POST", "/write", params=parameters, content=zipped, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert (await api.write(line)).status_code == 204
    await api.until_stats("large", "from1", collected=1)


async def _hanging_endpoint(api: Api, sink: Sink) -> None:
    """It holds up neither data nor other handlers."""
    script = f"""
        stream|from().measurement('hang')
            |alert().id('x').message('m').info(lambda: TRUE).post('{sink.url}/hang').post('{sink.url}/live')
    """
    sink.hanging.add("/hang")
    assert (await api.define("hang", script)).status_code == 200
    for n in range(1, 6):
        assert (await api.write(f"hang v={n}i {n}")).status_code == 204
    await sink.count("/live", "x", 5, timeout=5)
    assert sink.hung >= 1 and not sink.messages("/hang", "x")
