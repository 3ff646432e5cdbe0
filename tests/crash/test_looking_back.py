"""Looks at the past whose recorder is killed in the middle, and in a log that was made anew. Nothing ever leaves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import httpx

from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.bus.subjects import parse_write_subject
from services.recorder.results import BUCKET
from tests.crash.looks import V1, finished, lines_of
from tests.crash.processes import Api, Services
from tests.crash.test_log_went_back import made_anew
from tests.support.alerts import Sink, sink

BEGAN = "2023-01-01T00:00:00Z"
T0_MS = 1_700_000_000_000
POINTS, A_BODY = 8_000, 200
PADDING = "x" * 1000
EVERY = 100  # points, after which the level of an alert changes

OUTSIDE = """
var data = stream|from().measurement('m').groupBy('host')
data|httpPost('SINK/http_post')
data|influxDBOut().database('d').retentionPolicy('rp').measurement('o')
data|kapacitorLoopback().database('back').retentionPolicy('rp')
data|log()
data|alert().id('x').crit(lambda: ("n" / 100) % 2 == 1).stateChangesOnly().topic('t')
    .post('SINK/post').tcp('TCP').log('FILE/log').exec('/bin/touch', 'FILE/exec')
"""
LIVE = """stream|from().measurement('live').groupBy('host')
    |alert().id('{{ index .Tags "host" }}').crit(lambda: "v" > 1).topic('live').post('SINK/live')
"""


async def test_killed_in_the_middle_they_end_once_and_nothing_leaves(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    async with sink() as web:
        environment = {"KAPACITOR_INFLUXDB_0_URLS_0": web.url, "KAPACITOR_INFLUXDB_0_DISABLE_SUBSCRIPTIONS": "true"}
        async with Services(tmp_path, environment) as services, Api(services) as api:
            await services.start("gateway", "alerting", "recorder", "w1")
            script = OUTSIDE.replace("SINK", web.url).replace("FILE", str(outside)).replace("TCP", web.url[7:])
            assert (await api.define("outside", script, status="disabled")).status_code == 200
            assert (await api.define("live", LIVE.replace("SINK", web.url))).status_code == 200
            assert (await api.write(f"live,host=x v=2 {T0_MS}")).status_code == 204
            await web.came(1, "/live")
            body = {"id": "r", "task": "outside", "stop": "2023-11-15T00:00:00Z"}
            assert (await api.call("POST", f"{V1}/recordings/stream", json=body)).status_code == 201
            for begin in range(0, POINTS, A_BODY):
                lines = [f'm,host=a n={n}i,s="{PADDING}" {T0_MS + n}' for n in range(begin, begin + A_BODY)]
                assert (await api.write("\n".join(lines))).status_code == 204
            assert (
                await api.write(f"m,host=a n={POINTS - 1}i {T0_MS + 86_400_000}")
            ).status_code == 204  # ends the recording
            await finished(api, "recordings/r")
            connections = web.connections

            jobs = ("traces/j", "backtests/j", "replays/j")
            look = {"id": "j", "task": "outside", "start": BEGAN}
            replay = {"id": "j", "task": "outside", "recording": "r", "recording-time": True, "side-effects": False}
            for path, body in (("traces", look), ("backtests", look), ("replays", replay)):
                answer = await api.call("POST", f"{V1}/{path}", json=body)
                assert answer.status_code == 201, answer.text
            await _under_way(api, jobs)
            services["recorder"].send(signal.SIGSTOP)
            asking = asyncio.create_task(api.call("GET", f"{V1}/alerts/topics/live/events/x/why"))
            assert {(await api.call("GET", f"{V1}/{job}")).status_code for job in jobs} == {202}
            await services["recorder"].kill()
            await services.start("recorder")
            with contextlib.suppress(httpx.HTTPError):
                assert (await asking).status_code in (200, 503)
            trace, backtest, _ = [await finished(api, job) for job in jobs]
            why = (await api.call("GET", f"{V1}/alerts/topics/live/events/x/why", timeout=60)).json()
            assert why["agrees"] and why["cause"]["line"] == f"live,host=x v=2 {T0_MS}"

            assert trace["summary"]["nodes"]["from1"]["out"] == POINTS + 1 and not trace["summary"]["left-out"]
            lines = await lines_of(api, "traces/j")
            assert len(lines) == trace["summary"]["found"] == trace["summary"]["results"]
            assert [line["fields"]["n"] for line in lines if (line["node"], line["kind"]) == ("from1", "out")] == [
                *range(POINTS),
                POINTS - 1,
            ]
            levels = [*range(EVERY, POINTS, EVERY)]
            alerts = [line for line in await lines_of(api, "backtests/j") if line["kind"] == "alert"]
            assert len(alerts) == len(levels) == len({line["time"] for line in alerts}), backtest["summary"]
            effects = await lines_of(api, "replays/j", "effects")
            of_kind = {kind: sum(one["kind"] == kind for one in effects) for kind in ("alert", "post", "log")}
            assert of_kind == {"alert": len(levels), "post": POINTS, "log": POINTS}
            assert sum(len(one["lines"]) for one in effects if one["kind"] == "loopback") == POINTS

            await _nothing_left(services, web, outside, connections)
            async with await Bus.connect(services.nats.url, "test") as bus:
                results = await bus.objects(BUCKET)
                owners = {tuple(one.name.split("/")[:2]) for one in await results.list() if one.name[-4:] != "list"}
                assert len(owners) == len(jobs)  # of each only what the second recorder has found
                for job in jobs:
                    assert (await api.call("DELETE", f"{V1}/{job}")).status_code == 204
                async with asyncio.timeout(30):
                    while await results.list():
                        await asyncio.sleep(0.05)


async def test_the_log_was_made_anew(tmp_path: Path) -> None:
    """What was before is told to be gone; what is after is explained, though its places in the log were others'."""
    async with Services(tmp_path, {"KAPACITOR_ENGINE_HISTORY_EVERY": "0"}) as services, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "w1")
        async with sink() as web:
            for n in range(5):
                assert (await api.write(f"before n={n}i {T0_MS}")).status_code == 204
            assert (await api.define("live", LIVE.replace("SINK", web.url))).status_code == 200
            assert (await api.write(f"live,host=x v=2 {T0_MS}")).status_code == 204
            await web.came(1)
            await made_anew(services)
            events = f"{V1}/alerts/topics/live/events"
            gone = await api.call("GET", f"{events}/x/why", timeout=60)
            assert gone.status_code == 410 and "a log that is no more" in gone.json()["error"]
            assert (await api.write(f"live,host=y v=2 {T0_MS}")).status_code == 204
            await web.came(2)
            why = (await api.call("GET", f"{events}/y/why", timeout=60)).json()
            assert why["agrees"] and why["cause"]["line"] == f"live,host=y v=2 {T0_MS}", why
            body = {"id": "j", "task": "live", "start": BEGAN}
            assert (await api.call("POST", f"{V1}/traces", json=body)).status_code == 201
            trace = await finished(api, "traces/j")
            assert (
                trace["summary"]["nodes"]["from1"]["out"] == 1
                and "is not in here" in trace["summary"]["log"]["trimmed"]
            )


async def _under_way(api: Api, jobs: tuple[str, ...]) -> None:
    """Wait until each job has found something."""
    async with asyncio.timeout(60):
        for job in jobs:
            key = "effects" if job.startswith("replays") else "results"
            while not (await api.call("GET", f"{V1}/{job}/{key}?limit=1")).json()["count"]:
                await asyncio.sleep(0.01)


async def _nothing_left(services: Services, web: Sink, outside: Path, connections: int) -> None:
    assert web.connections == connections and not list(outside.iterdir())
    assert {path.partition("?")[0] for path, _, _ in web.posts} <= {"/live", "/ping", "/query"}
    assert sum(path == "/live" for path, _, _ in web.posts) == 1
    assert not services["recorder"].logged("n=1")
    async with await Bus.connect(services.nats.url, "test") as bus:
        written = {parse_write_subject(subject) for subject in await bus.subjects_of(WRITES, "tickbus.write.>")}
        assert written == {("db", "rp")}
