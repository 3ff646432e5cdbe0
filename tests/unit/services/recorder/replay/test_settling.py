"""A replay is finished once all that it has sent is handled or given up: with a recorder, alerting and real sinks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.config import Config, InfluxDB, Replay
from services.alerting.main import main as alerting_main
from services.bus.connection import Bus
from services.recorder.replay.settling import settle
from services.store.live_config import LiveConfig
from tests.support.alerts import Sink, give, post, sink
from tests.support.influx import BINARY, Influxd, influxd
from tests.unit.services.recorder.conftest import process
from tests.unit.services.recorder.record.test_recordings import LATER, define, done, record, write
from tests.unit.services.recorder.replay.test_replays import START, replay

StartAlerting = Callable[[], AbstractAsyncContextManager[None]]

POINTS = 5


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, replay=Replay(patience=30.0))


@pytest.fixture
def start_alerting(config: Config) -> StartAlerting:
    return lambda: process(lambda ready, stop: alerting_main(config, ready, stop, LiveConfig(config)))


@pytest.fixture
async def web() -> AsyncIterator[Sink]:
    async with sink() as one:
        yield one


@pytest.fixture(autouse=True)
async def recorded(api: httpx.AsyncClient) -> None:
    """A recording `rec` of a few points of m; made by the first test that needs it."""
    if (await api.get("/recordings", params={"pattern": "rec"})).json()["recordings"]:
        return
    await define(api, "source")
    await record(api, "rec", "source")
    await write(api, "\n".join(f"m,host=h{i} v={i} {START + i}" for i in range(POINTS)) + f"\nm v=9 {LATER}")


def alerting_script(url: str, more: str = "") -> str:
    return f"stream|from().measurement('m').groupBy('host')|alert().crit(lambda: TRUE).post('{url}/own'){more}"


async def runs(api: httpx.AsyncClient, id: str) -> bool:
    return (await api.get(f"/replays/{id}")).status_code == 202


async def test_finished_is_handled_by_all_handlers(
    api: httpx.AsyncClient, bus: Bus, recorder: None, start_alerting: StartAlerting, web: Sink
) -> None:
    async with start_alerting():
        await give(bus, "all", "named", post(web.url + "/named"))
        await give(bus, "all", "on", {"kind": "publish", "options": {"topics": ["further"]}})
        await give(bus, "further", "far", post(web.url + "/further"))
        await give(bus, "all", "together", {"kind": "aggregate", "options": {"interval": 10**8, "topic": "one"}})
        await give(bus, "one", "one", post(web.url + "/one"))
        await define(api, "all", alerting_script(web.url, ".topic('all')"))
        web.open.clear()
        await replay(api, "all", "all")
        await web.came(1, "/own")
        await web.came(1, "/named")
        await web.came(1, "/further")
        assert await runs(api, "all")
        web.open.set()
        shown = await done(api, "/replays/all")
        assert (shown["status"], shown["error"]) == ("finished", "")
        for path in ("/own", "/named", "/further"):
            assert len(web.events(path)) == POINTS, path
        assert sum(len(event["details"].splitlines()) for event in web.events("/one")) == POINTS


async def test_what_alerting_that_is_restarted_still_has_to_do_is_waited_for(
    api: httpx.AsyncClient, recorder: None, start_alerting: StartAlerting, web: Sink
) -> None:
    await define(api, "restarted", alerting_script(web.url))
    web.open.clear()
    async with start_alerting():
        await replay(api, "restarted", "restarted")
        await web.came(1)
    assert await runs(api, "restarted")
    async with start_alerting():
        web.open.set()
        assert (await done(api, "/replays/restarted"))["status"] == "finished"
        assert {event["id"] for event in web.events()} == {f"m:host=h{i}" for i in range(POINTS)}


async def test_a_replay_that_fails_waits_too(
    api: httpx.AsyncClient, recorder: None, start_alerting: StartAlerting, web: Sink
) -> None:
    # the statistics are a clock: points that lie a second apart come in steps of their own
    script = f"""var s = stream|from().measurement('m').groupBy('host')
        s|stats(1s)
        s|alert().crit(lambda: TRUE).post('{web.url}/own')
        s|httpPost('{web.url}/post')
        s|alert().id('{{{{ if eq .Group "host=h3" }}}}{{{{ index .Name 99 }}}}{{{{ end }}}}').crit(lambda: TRUE)"""
    async with start_alerting():
        await define(api, "fails", script)
        web.open.clear()
        await replay(api, "fails", "fails")
        await web.came(1, "/own")
        await web.came(1, "/post")
        assert await runs(api, "fails")
        web.open.set()
        shown = await done(api, "/replays/fails")
        assert shown["status"] == "failed" and shown["error"].startswith("task run: ")
        assert len(web.events("/own")) >= 3
        assert sum(path == "/post" for path, _, _ in web.posts) >= 3


async def test_posts_of_nodes_are_waited_for(api: httpx.AsyncClient, recorder: None, web: Sink) -> None:
    await define(api, "posts", f"stream|from().measurement('m')|httpPost('{web.url}/a')|httpPost('{web.url}/b')")
    web.open.clear()
    await replay(api, "posts", "posts")
    await web.came(1, "/a")
    assert await runs(api, "posts")
    web.open.set()
    assert (await done(api, "/replays/posts"))["status"] == "finished"
    assert [sum(at == path for at, _, _ in web.posts) for path in ("/a", "/b")] == [POINTS, POINTS]


class TestInflux:
    @pytest.fixture
    def influx(self, tmp_path: Path) -> Any:
        if BINARY is None:
            pytest.skip("no influxd here")
        with influxd(tmp_path) as server:
            yield server

    @pytest.fixture
    def config(self, config: Config, influx: Influxd) -> Config:
        return replace(config, influxdb=(InfluxDB(urls=(influx.url,), default=True),))

    async def test_what_is_written_to_influxdb_is_there(
        self, api: httpx.AsyncClient, recorder: None, influx: Influxd
    ) -> None:
        out = "influxDBOut().create().database('out').retentionPolicy('autogen')"
        await define(api, "written", f"stream|from().measurement('m')|{out}")
        await replay(api, "written", "written")
        assert (await done(api, "/replays/written"))["status"] == "finished"
        async with httpx.AsyncClient() as client:
            question = {"db": "out", "q": "SELECT count(v) FROM m"}
            answer = (await client.get(f"{influx.url}/query", params=question)).json()
        assert answer["results"][0]["series"][0]["values"][0][1] == POINTS


class TestImpatient:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return replace(config, replay=Replay(patience=1.0))

    async def test_what_hangs_is_not_waited_for_for_ever(
        self, api: httpx.AsyncClient, recorder: None, start_alerting: StartAlerting, web: Sink
    ) -> None:
        web.open.clear()
        async with start_alerting():
            await define(api, "hangs", alerting_script(web.url))
            await define(api, "hangs_too", f"stream|from().measurement('m')|httpPost('{web.url}/post')")
            for id in ("hangs", "hangs_too"):
                await replay(api, id, id)
                assert (await done(api, f"/replays/{id}", 20))["status"] == "finished"
            web.open.set()

    async def test_an_alerting_that_is_not_there_is_not_waited_for_for_ever(
        self, api: httpx.AsyncClient, recorder: None, web: Sink
    ) -> None:
        await define(api, "alone", alerting_script(web.url))
        await replay(api, "alone", "alone")
        assert (await done(api, "/replays/alone", 20))["status"] == "finished"
        assert not web.posts


async def test_settle_gives_up_where_nothing_changes() -> None:
    left = iter([3, 3, 2, 1, 0])

    async def shrinking() -> int:
        return next(left)

    async def still() -> int:
        return 1

    assert await settle(shrinking, 10.0)
    began = time.monotonic()
    assert not await settle(still, 0.2)
    assert 0.2 <= time.monotonic() - began < 5
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            steps = iter(range(1, 10**6))

            async def moving() -> int:
                return next(steps)

            assert await settle(moving, 0.2), "what gets on is waited for"
            pytest.fail("it ends by itself no sooner than in a quarter of an hour")
