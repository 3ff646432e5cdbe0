"""What topics remember outlasts the task that told them, whoever dies in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.load import Sink
from tests.crash.processes import Api, Services, eventually

TASKS = "/kapacitor/v1/tasks"
SCRIPT = """stream|from().measurement('m').groupBy('host')
    |alert().crit(lambda: "v" > 1)POLICY.post('SINK/own')TOPIC
"""


class World:
    """Services and a sink, and what the tests do with them."""

    def __init__(self, services: Services, api: Api, sink: Sink) -> None:
        self.services, self.api, self.sink = services, api, sink
        self.seen = 0

    async def define(self, id: str, topic: str = "", policy: str = "") -> None:
        script = SCRIPT.replace("SINK", self.sink.url).replace("TOPIC", topic).replace("POLICY", policy)
        answer = await self.api.define(id, script)
        assert answer.status_code == 200, answer.text

    async def write(self, value: int) -> None:
        self.seen += 1
        assert (await self.api.write(f"m,host=a v={value} {self.seen}")).status_code == 204

    async def told(self, *expected: tuple[str, str], path: str = "/own") -> None:
        """Wait until events have come on a path: level and previous level of each.

        One that was just sent when alerting was killed may come twice.
        """

        def events() -> list[tuple[str, str]]:
            once = {e["time"]: (e["level"], e["previousLevel"]) for e in self.sink.got.get((path, "m:host=a"), ())}
            return list(once.values())

        await eventually(lambda: len(events()) >= len(expected), f"{path}: {len(expected)} events")
        assert events() == list(expected)

    async def without_alerting(self, store: Path) -> None:
        """Alerting is killed, and what it kept is gone."""
        await self.services["alerting"].kill()
        for file in store.glob("alerting/*"):
            file.unlink()


@pytest.mark.parametrize("change", ["rename", "define", "toggle"])
async def test_both_topics_tell_the_level_from_before(tmp_path: Path, change: str) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "engine")
        async with Api(services) as api:
            world = World(services, api, sink)
            handler = {"id": "h", "kind": "post", "options": {"url": f"{sink.url}/named"}}
            answer = await api.call("POST", "/kapacitor/v1/alerts/topics/named/handlers", json=handler)
            assert answer.status_code == 200, answer.text
            await world.define("t", ".topic('named')")
            await world.write(5)
            for path in ("/own", "/named"):
                await world.told(("CRITICAL", "OK"), path=path)
            if change != "rename":
                ended = {"status": "disabled"}
                call = api.call("DELETE", f"{TASKS}/t") if change == "define" else None
                assert (await (call or api.call("PATCH", f"{TASKS}/t", json=ended))).status_code in (200, 204)
            await world.without_alerting(tmp_path / "data")
            if change == "rename":
                began = asyncio.create_task(api.call("PATCH", f"{TASKS}/t", json={"id": "t2"}))
            elif change == "toggle":
                began = asyncio.create_task(api.call("PATCH", f"{TASKS}/t", json={"status": "enabled"}))
            else:
                script = SCRIPT.replace("SINK", sink.url).replace("TOPIC", ".topic('named')").replace("POLICY", "")
                began = asyncio.create_task(api.define("t", script))
            await services.start("alerting")
            # 503 where alerting took longer to start than the gateway waits for a run: it comes all the same
            assert (await began).status_code in (200, 503)
            await api.until_stats("t2" if change == "rename" else "t", "from1", collected=0)
            await services["engine"].kill()
            await services.start("engine")
            await world.write(6)
            for path in ("/own", "/named"):
                await world.told(("CRITICAL", "OK"), ("CRITICAL", "CRITICAL"), path=path)
            await world.without_alerting(tmp_path / "data")
            await services["engine"].kill()
            await services.start("engine", "alerting")
            await world.write(0)
            for path in ("/own", "/named"):
                expected = [("CRITICAL", "OK"), ("CRITICAL", "CRITICAL"), ("OK", "CRITICAL")]
                await world.told(*expected, path=path)
            durations = {event["time"]: event["duration"] for event in sink.got["/own", "m:host=a"]}
            assert list(durations.values()) == [0, 10**6, 2 * 10**6]


async def test_a_task_of_the_same_id_goes_on_from_the_alerts_that_were_kept(tmp_path: Path) -> None:
    async with Services(tmp_path, {"KAPACITOR_ALERT_DELETED_TASKS": "keep"}) as services, Sink() as sink:
        await services.start("gateway", "alerting", "engine")
        async with Api(services) as api:
            world = World(services, api, sink)
            await world.define("t", policy=".stateChangesOnly()")
            await world.write(5)
            await world.told(("CRITICAL", "OK"))
            assert (await api.call("DELETE", f"{TASKS}/t")).status_code == 204
            topic = "/kapacitor/v1/alerts/topics/main:t:alert2"
            assert (await api.call("GET", topic)).status_code == 404
            for name in ("alerting", "engine"):
                await services[name].kill()
            await services.start("alerting", "engine")
            await world.define("t", policy=".stateChangesOnly()")
            assert (await api.call("GET", topic)).json()["level"] == "CRITICAL"
            await world.write(6)
            await world.write(0)
            await world.told(("CRITICAL", "OK"), ("OK", "CRITICAL"))
            assert sink.got["/own", "m:host=a"][-1]["duration"] == 2 * 10**6


async def test_the_alerts_of_a_deleted_task_end_where_that_is_asked_for(tmp_path: Path) -> None:
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "engine")
        async with Api(services) as api:
            world = World(services, api, sink)
            await world.define("t")
            await world.write(5)
            await world.told(("CRITICAL", "OK"))
            answer = await api.call("DELETE", f"{TASKS}/t?alerts=all")
            assert (answer.status_code, answer.json()) == (
                400,
                {"error": "invalid alerts parameter: must be one of forget, keep, end"},
            )
            await services["alerting"].kill()
            assert (await api.call("DELETE", f"{TASKS}/t?alerts=end")).status_code == 204
            await services.start("alerting")
            await world.told(("CRITICAL", "OK"), ("OK", "CRITICAL"))
            assert sink.got["/own", "m:host=a"][-1]["message"] == "m:host=a is OK: its task was deleted"
            # without being asked for it is not told
            await world.define("t")
            await world.write(5)
            await world.told(("CRITICAL", "OK"), ("OK", "CRITICAL"), ("CRITICAL", "OK"))
            assert (await api.call("DELETE", f"{TASKS}/t")).status_code == 204
            await world.define("t")
            await world.write(0)
            await api.until_stats("t", "alert2", collected=1)
            await world.write(7)
            await world.told(("CRITICAL", "OK"), ("OK", "CRITICAL"), ("CRITICAL", "OK"), ("CRITICAL", "OK"))
