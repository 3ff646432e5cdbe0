"""What is kept does not grow with what has been."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import orjson

from services.bus.connection import Bus
from tests.crash.load import BASE_MS, Sink
from tests.crash.processes import Api, Serve, Services, eventually

MANY = 3000
ALERT = """stream|from().measurement('m').groupBy('host')
    |alert().id('{{ index .Tags "host" }}').message('{{ .Level }} {{ .Duration }}').details('')
        .crit(lambda: "v" > 1).stateChangesOnly().topic('named')
"""
PLAIN = "stream|from().measurement('m')|window().period(10s).every(10s)|mean('v')"


async def test_a_task_goes_on_from_thousands_of_alerts_that_do_not_stand_in_the_log(tmp_path: Path) -> None:
    """The same with another worker that knows the run from the log alone."""
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        handler = {"id": "h", "kind": "post", "options": {"url": f"{sink.url}/named"}, "match": "level() == OK"}
        answer = await api.call("POST", "/kapacitor/v1preview/alerts/topics/named/handlers", json=handler)
        assert answer.status_code == 200, answer.text
        assert (await api.define("t", ALERT)).status_code == 200
        await api.write("\n".join(f"m,host=h{i} v=2 {BASE_MS}" for i in range(MANY)))
        await api.until_stats("t", "alert2", alerts_triggered=MANY)
        for status in ("disabled", "enabled"):
            answer = await api.call("PATCH", "/kapacitor/v1/tasks/t", json={"status": status})
            assert answer.status_code == 200, answer.text
        async with await Bus.connect(serve.state()["nats"], "test") as bus:
            started = await bus.last_message("tickbus.event.run.t.started")
            assert started is not None and len(started.data) < 1000
            told = orjson.loads(started.data)
            assert not told.get("levels") and await (await bus.objects("levels")).info(told["remembered"])
        assert await serve.stop() == 0
        shutil.rmtree(serve.data / "engine")
        await serve.start()
        await api.write("\n".join(f"m,host=h{i} v=0 {BASE_MS + 60_000}" for i in range(MANY)))
        await eventually(lambda: len(sink.got) == MANY, "all are told to have recovered")
        assert {message for of in sink.got.values() for message in (event["message"] for event in of)} == {"OK 1m0s"}
        answer = await api.call("DELETE", "/kapacitor/v1/tasks/t")
        assert answer.status_code == 204
        async with await Bus.connect(serve.state()["nats"], "test") as bus, asyncio.timeout(20):
            objects = await bus.objects("levels")
            while await objects.list():
                await asyncio.sleep(0.05)


async def test_tasks_that_come_and_go_leave_nothing_and_services_that_were_away_know_it(tmp_path: Path) -> None:
    environment = {"KAPACITOR_NATS_COMPACT_EVERY": "1s"}
    async with Services(tmp_path, environment) as services, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "one")
        async with await Bus.connect(services.nats.url, "test") as bus:
            assert (await api.define("stays", PLAIN)).status_code == 200
            for i in range(20):
                assert (await api.define(f"t{i}", PLAIN)).status_code == 200
            # they know the tasks, and will not be told that these are deleted
            await services["one"].kill()
            await services["alerting"].kill()
            gone = await asyncio.gather(*(api.call("DELETE", f"/kapacitor/v1/tasks/t{i}") for i in range(20)))
            assert {answer.status_code for answer in gone} == {204}
            await services.start("one", "alerting")
            await until_left(bus, "stays")
            assert not services["one"].logged("cannot") and not services["alerting"].logged("cannot")
            listed = (await api.call("GET", "/kapacitor/v1/tasks?fields=id")).json()["tasks"]
            assert [task["id"] for task in listed] == ["stays"]
            # an id that was gone can be had again, run and let go of
            assert (await api.define("t0", PLAIN)).status_code == 200
            assert (await api.task("t0"))["executing"]
            assert (await api.call("DELETE", "/kapacitor/v1/tasks/t0")).status_code == 204
            await until_left(bus, "stays")


async def until_left(bus: Bus, *ids: str) -> None:
    """Wait until only of these tasks there is anything in the log."""
    async with asyncio.timeout(60):
        while True:
            found = {subject.split(".")[3] for subject in await bus.subjects_of("EVENTS", "tickbus.event.>")}
            if found - {"events"} == set(ids):
                return
            await asyncio.sleep(0.1)
