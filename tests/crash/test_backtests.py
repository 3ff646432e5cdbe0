"""Backtests that others must not feel, and that outlive their recorder while they ask InfluxDB."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from tests.crash.load import HOSTS, LEVELS, Load, Sink, check_both, define_both, transitions
from tests.crash.looks import V1, ask, finished, lines_of, status
from tests.crash.processes import Api, Services
from tests.crash.test_recorder import START, clusters, define_batch, fill
from tests.support.influx import BINARY, influxd

POINTS, A_BODY = 20_000, 1_000  # of each host
DBRPS = [{"db": "db", "rp": "rp"}]
AT_ONCE = 10
SECONDS, A_SECOND = 300, 100


async def test_ten_at_once_while_data_flows(tmp_path: Path) -> None:
    """Whoever is live is told of all, of each once; whoever looks back has ten times the same."""
    async with Services(tmp_path) as services, Sink() as sink, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "w1")
        began = time.time_ns()
        past = Load(api, "past")
        for _ in range(POINTS // A_BODY):
            await past.write(A_BODY)
        stop = time.time_ns()
        await define_both(api, sink)
        script = LEVELS.replace("numbers", "past").replace("SINK", sink.url).replace("/levels", "/never")
        asked = {"script": script, "dbrps": DBRPS, "start": began, "stop": stop}
        load = Load(api)
        async with load.running():
            await load.more(100)
            jobs = await asyncio.gather(*(ask(api, "backtest", **asked) for _ in range(AT_ONCE)))
            before = load.written
            views = await asyncio.gather(*(finished(api, job, 240) for job in jobs))
            assert load.written > before and not (load.refused or load.failed)
            await load.more(100)
        await check_both(load, sink)
        async with asyncio.timeout(60):
            while await _lag(api):
                await asyncio.sleep(0.05)
        assert {path for path, _ in sink.got} == {"/levels", "/sums"}

        summary = views[0]["summary"]
        assert summary["points"] == len(HOSTS) * POINTS and not (summary["notes"] or summary["failed"])
        assert all(view["summary"] == summary for view in views)
        first = await lines_of(api, jobs[0])
        for host in HOSTS:
            told = [line["message"] for line in first if line["kind"] == "alert" and line["id"] == host]
            assert told == transitions(0, POINTS)
        for job in jobs[1:]:
            assert await lines_of(api, job) == first


@pytest.mark.skipif(BINARY is None, reason="no influxd here")
async def test_over_influxdb_it_is_taken_up_after_its_recorder_was_killed(tmp_path: Path) -> None:
    with influxd(tmp_path) as influx:
        await fill(influx, SECONDS, A_SECOND)
        async with Services(tmp_path, clusters(influx)) as services, Api(services) as api, Sink() as sink:
            await services.start("gateway", "alerting", "recorder")
            below = f"""|last('v').as('v')|alert().id('x').crit(lambda: int("v") % 200 == 199).stateChangesOnly()
                .message('{{{{ index .Fields "v" }}}}').post('{sink.url}/never')"""
            await define_batch(api, "t", "SELECT v, s FROM d.autogen.m", below)
            span = {"start": START * 10**9, "stop": (START + SECONDS) * 10**9}
            job = await ask(api, "backtest", task="t", **span)
            for kills in range(2):
                async with asyncio.timeout(60):
                    while not (await api.call("GET", f"{V1}/{job}")).json()["progress"]:
                        await asyncio.sleep(0.005)
                await services["recorder"].kill()
                assert await status(api, job) == "running" or kills
                await services.start("recorder")
            summary = (await finished(api, job))["summary"]
            lines = await lines_of(api, job)
            alerts = [line for line in lines if line["kind"] == "alert"]
            assert [line["message"] for line in alerts] == [str(second * A_SECOND + 99) for second in range(1, SECONDS)]
            assert summary["alerts"] == len(alerts) and (summary["points"], summary["of"]) == (SECONDS, "batches")
            again = await ask(api, "backtest", task="t", **span)
            assert (await finished(api, again))["summary"] == summary and await lines_of(api, again) == lines
            assert not sink.got


async def _lag(api: Api) -> float:
    """Writes that the worker has not taken, and alert messages that alerting has not."""
    shown = (await api.call("GET", "/metrics")).text
    lags = re.findall(r"^tickbus_(?:worker|alerting)_lag_messages\{[^}]*\} (\S+)$", shown, re.MULTILINE)
    assert len(lags) == 2, shown
    return sum(map(float, lags))
