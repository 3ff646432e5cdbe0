"""Recordings and replays of InfluxDB queries over HTTP, with a recorder at work and a real InfluxDB."""

from __future__ import annotations

import asyncio
import gzip
import io
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.config import Config, InfluxDB
from services.bus.connection import Bus
from services.recorder.record import recording
from tests.support.alerts import sink
from tests.support.influx import BINARY, Influxd, influxd
from tests.unit.services.recorder.conftest import StartRecorder
from tests.unit.services.recorder.record.test_recordings import done
from tests.unit.services.recorder.replay.test_replays import alerts

pytestmark = pytest.mark.skipif(BINARY is None, reason="no influxd here")

S = 10**9
T = 1_700_000_040  # 2023-11-14T22:14:00Z
START, STOP = "2023-11-14T22:14:00Z", "2023-11-14T22:14:30Z"
RECORDED = {"recording-time": True}


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """m: a point a second of two hosts for 30 s. ten: 12 000 points of two hosts. n: one point, at 15 s."""
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        server.query("CREATE DATABASE d")
        lines = [f"m,host=h{i % 2} v={i},i={i}i {T + i}" for i in range(30)] + [f"n v=1 {T + 15}"]
        lines += [f'ten,host=h{i % 2} v={i},s="text {i}" {T + i}' for i in range(24_000)]
        body = "\n".join(lines)
        written = httpx.post(f"{server.url}/write", params={"db": "d", "precision": "s"}, content=body, timeout=30)
        assert written.status_code == 204, written.text
        yield server


@pytest.fixture
def config(config: Config, influx: Influxd) -> Config:
    dead = InfluxDB(name="dead", urls=("http://127.0.0.1:1",))
    return replace(config, influxdb=(InfluxDB(urls=(influx.url,), default=True), dead))


def query(text: str = "SELECT v FROM d.autogen.m", more: str = ".period(10s).every(10s).groupBy('host')") -> str:
    return f"batch|query('{text}'){more}"


def alerting(topic: str) -> str:
    return f"|alert().id('{{{{ .Name }}}}').crit(lambda: TRUE).message('{{{{ .Time.Unix }}}}').topic('{topic}')"


async def define(api: httpx.AsyncClient, id: str, script: str, type: str = "batch") -> None:
    task = {"id": id, "type": type, "dbrps": [{"db": "d", "rp": "autogen"}], "script": script, "status": "disabled"}
    answer = await api.post("/tasks", json=task)
    assert answer.status_code == 200, answer.text


async def made(api: httpx.AsyncClient, path: str, id: str, **body: Any) -> dict[str, Any]:
    """A recording or a replay that has ended, well or not."""
    answer = await api.post(path, json={"id": id, **body})
    assert answer.status_code == 201, answer.text
    return await done(api, f"/{path.split('/')[1]}/{id}", 30)


async def finished(api: httpx.AsyncClient, path: str, id: str, **body: Any) -> dict[str, Any]:
    shown = await made(api, path, id, **body)
    assert (shown["status"], shown["error"], shown["progress"]) == ("finished", "", 1), shown
    return shown


async def batches(api: httpx.AsyncClient, id: str) -> list[list[dict[str, Any]]]:
    """What a recording holds for each query node in the order of the script, as its file has it."""
    answer = await api.get(f"/recordings/{id}/file")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        assert file.namelist() == [str(i) for i in range(len(file.namelist()))]
        return [[orjson.loads(line) for line in file.read(name).splitlines()] for name in reversed(file.namelist())]


def times(found: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(b["tags"]["host"], b["tmax"], len(b["points"])) for b in found]


async def test_a_recording_holds_what_each_query_node_asks_for(api: httpx.AsyncClient, recorder: None) -> None:
    both = f"""{query()}|log()
        {query("SELECT count(v) FROM d.autogen.n", ".period(20s).every(10s)")}|log()"""
    await define(api, "two", both)
    shown = await finished(api, "/recordings/batch", "two_r", task="two", start=START, stop=STOP)
    assert shown["type"] == "batch"
    assert shown["size"] > 0
    first, second = await batches(api, "two_r")
    assert times(first) == [(h, f"2023-11-14T22:14:{s}Z", 5) for s in (10, 20, 30) for h in ("h0", "h1")]
    assert first[3] == {
        "name": "m",
        "tmax": "2023-11-14T22:14:20Z",
        "group": "host=h1",
        "tags": {"host": "h1"},
        "points": [
            {"fields": {"v": i}, "tags": {"host": "h1"}, "time": f"2023-11-14T22:14:{i}Z"} for i in range(11, 20, 2)
        ],
    }
    assert [(b["tmax"], b["points"][0]["fields"]) for b in second] == [
        ("2023-11-14T22:14:20Z", {"count": 1}),
        ("2023-11-14T22:14:30Z", {"count": 1}),
    ]


async def test_the_task_is_recorded_as_it_was_defined_then(
    api: httpx.AsyncClient, start_recorder: StartRecorder
) -> None:
    await define(api, "then", query())
    body = {"id": "then_r", "task": "then", "start": START, "stop": STOP}
    assert (await api.post("/recordings/batch", json=body)).status_code == 201
    changed = {"script": query("SELECT v FROM d.autogen.n")}
    assert (await api.patch("/tasks/then", json=changed)).status_code == 200
    async with start_recorder():
        await done(api, "/recordings/then_r")
        assert {b["name"] for b in (await batches(api, "then_r"))[0]} == {"m"}


async def test_a_recording_goes_on_from_what_is_stored(
    api: httpx.AsyncClient, bus: Bus, start_recorder: StartRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of one batch each; the recorder goes away while it asks, in the middle of an answer too."""
    monkeypatch.setattr(recording.RecordingJob.__init__, "__defaults__", (1,))
    await define(api, "on", f"{query(more='.period(1s).every(1s).groupBy(*)')}|log()\n{query()}|log()")
    body = {"id": "on_r", "task": "on", "start": START, "stop": STOP}
    assert (await api.post("/recordings/batch", json=body)).status_code == 201
    store = await bus.objects("tickbus-recordings")
    stored = len(await store.list())
    for _ in range(4):
        async with start_recorder(), asyncio.timeout(10):
            before = len(await store.list())
            while len(await store.list()) < before + 3 and (await api.get("/recordings/on_r")).status_code == 202:
                await asyncio.sleep(0)
    async with start_recorder():
        assert (await done(api, "/recordings/on_r"))["status"] == "finished"
        first, second = await batches(api, "on_r")
    assert len(await store.list()) - stored == len(first) + len(second) + 1
    assert [b["points"][0]["fields"]["v"] for b in first] == list(range(30))
    assert times(second) == [(h, f"2023-11-14T22:14:{s}Z", 5) for s in (10, 20, 30) for h in ("h0", "h1")]


async def test_a_file_is_given_out_and_taken_in(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "file", query() + alerting("file"))
    await finished(api, "/recordings/batch", "file_r", task="file", start=START, stop=STOP)
    file = (await api.get("/recordings/file_r/file")).content
    answer = await api.post("/recordings/import", params={"id": "file_in"}, content=file)
    assert (answer.status_code, answer.json()["type"]) == (201, "batch")
    assert (await done(api, "/recordings/file_in"))["status"] == "finished"
    assert await batches(api, "file_in") == await batches(api, "file_r")
    for id in ("file_r", "file_in"):
        await finished(api, "/replays", f"{id}_p", task="file", recording=id, **RECORDED)
    said = [(m["replay"], t) for m in await alerts(bus, "file") for t in m["time"]]
    assert [t for id, t in said if id == "file_r_p"] == [t for id, t in said if id == "file_in_p"] != []


@pytest.mark.parametrize(
    ("id", "lines", "error"),
    [
        ("bad1", b'{"name":"m"}\nhello', "line 2 of 0"),
        (
            "bad2",
            b'{"name":"m","points":[{"fields":{"v":[]},"time":"2023-11-14T22:14:30Z"}]}',
            "the field v is no number",
        ),
        ("bad3", b'{"name":"m","points":[{"fields":{},"time":"noon"}]}', "not an RFC 3339 time: 'noon'"),
        ("bad4", b'{"name":"m","points":[{"fields":{}}]}', "'time' is missing"),
        ("bad5", b'{"name":"m","tags":{"host":1}}', "a tag's value has to be a string"),
        ("bad6", None, "not a recording's file"),
    ],
)
async def test_a_file_that_is_none_fails(
    api: httpx.AsyncClient, recorder: None, id: str, lines: bytes | None, error: str
) -> None:
    file = b"PK\x03\x04 and nothing more"
    if lines is not None:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("0", lines)
        file = made.getvalue()
    assert (await api.post("/recordings/import", params={"id": id}, content=file)).status_code == 201
    shown = await done(api, f"/recordings/{id}")
    assert shown["status"] == "failed"
    assert error in shown["error"]


@pytest.mark.parametrize(
    ("id", "script", "type", "error"),
    [
        ("nodb", query("SELECT v FROM other.autogen.m"), "batch", 'not allowed to request data from "other"."autogen"'),
        ("nocluster", query(more=".every(1s).cluster('nowhere')"), "batch", "no such InfluxDB config nowhere"),
        ("dead", query(more=".every(1s).cluster('dead')"), "batch", "http://127.0.0.1:1/query: "),
        ("refused", query("SELECT mean(*) FROM d.autogen.m WHERE host =~ /(/"), "batch", "error parsing regexp"),
        ("streams", "stream|from()|log()", "stream", "wrong task type"),
        ("flawed", query() + "|sample(0)", "batch", "invalid sample"),
    ],
)
async def test_a_recording_that_cannot_be_made_fails(
    api: httpx.AsyncClient, recorder: None, id: str, script: str, type: str, error: str
) -> None:
    await define(api, id, script, type)
    shown = await made(api, "/recordings/batch", f"{id}_r", task=id, start=START, stop=STOP)
    assert (shown["status"], shown["progress"]) == ("failed", 1)
    assert error in shown["error"]
    shown = await made(api, "/replays/batch", f"{id}_p", task=id, start=START, stop=STOP) if type == "batch" else shown
    assert error in shown["error"]


async def test_a_replay_takes_batches_at_their_times(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "times", query() + alerting("times"))
    await finished(api, "/recordings/batch", "times_r", task="times", start=START, stop=STOP)
    shown = await finished(api, "/replays", "times_p", task="times", recording="times_r", **RECORDED)
    nodes = shown["stats"]["node-stats"]
    assert nodes["query1"]["collected"] == nodes["query1"]["emitted"] == nodes["batch0"]["collected"] == 6
    assert "batches_queried" not in nodes["query1"]
    said = [
        (t, s, r) for m in await alerts(bus, "times") for t, s, r in zip(m["time"], m["seq"], m["row"], strict=True)
    ]
    first = [(T + 10 * i + h) * S for i in range(3) for h in (0, 1)]
    assert [t for t, _, _ in said] == first
    assert [(s, r) for _, s, r in said] == [(i, 0) for i in range(1, 7)]


async def test_without_side_effects_nothing_is_written(
    api: httpx.AsyncClient, bus: Bus, influx: Influxd, recorder: None
) -> None:
    script = f"""var d = {query()}
        d{alerting("withheld")}
        d|influxDBOut().database('written').retentionPolicy('rp').measurement('x').create()"""
    await define(api, "withheld", script)
    one = {"query": "SELECT v FROM d.autogen.m GROUP BY host"}
    for path, more in (("batch", {"start": START, "stop": STOP}), ("query", one)):
        id, asked = f"withheld_{path}", {"task": "withheld", "side-effects": False, **more, **RECORDED}
        await finished(api, f"/replays/{path}", id, **asked)
        found = (await api.get(f"/replays/{id}/effects")).json()["effects"]
        raised = [(e["origin"]["seq"], e["level"], len(e["data"]["series"][0]["values"])) for e in found if "id" in e]
        batches, points = (6, 5) if path == "batch" else (2, 15)
        assert raised == [(n, "CRITICAL", points) for n in range(1, batches + 1)]
        written = [e for e in found if e["kind"] == "influxdb"]
        assert written[0]["command"] == 'CREATE DATABASE "written" WITH NAME "rp"'
        assert written[1]["lines"][0] == f"x,host=h0 v=0 {T * S}" and len(written) == 1 + batches
    assert not await alerts(bus, "withheld")
    assert "written" not in str(influx.query("SHOW DATABASES"))


async def test_without_recording_time_batches_begin_now(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    await define(api, "now", query(more=".period(10s).every(10s)") + "|sum('v')" + alerting("now"))
    before = time.time_ns()
    await finished(api, "/replays/batch", "now_p", task="now", start=START, stop=STOP)
    said = [t for m in await alerts(bus, "now") for t in m["time"]]
    # a batch's time is that of its last point then
    assert [t - said[0] for t in said] == [0, 10 * S, 20 * S]
    assert before <= said[0] - 9 * S <= time.time_ns()


async def test_the_real_clock_takes_its_time(
    api: httpx.AsyncClient, bus: Bus, recorder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.recorder.progress.EVERY_SECONDS", 1.0)
    await define(api, "real", query(more=".period(1s).every(1s)") + alerting("real"))
    await finished(api, "/recordings/batch", "real_r", task="real", start=START, stop=STOP)
    body = {"id": "real_p", "task": "real", "recording": "real_r", "clock": "real", **RECORDED}
    assert (await api.post("/replays", json=body)).status_code == 201
    async with asyncio.timeout(10):
        while (shown := (await api.get("/replays/real_p")).json())["progress"] < 0.03:
            await asyncio.sleep(0.05)
    assert shown["progress"] < 0.2
    assert (await api.delete("/replays/real_p")).status_code == 204
    sent = len(await alerts(bus, "real"))
    await asyncio.sleep(1.3)
    assert 1 <= len(await alerts(bus, "real")) == sent < 10


async def test_batches_of_two_nodes_meet(api: httpx.AsyncClient, bus: Bus, recorder: None) -> None:
    script = f"""var a = {query("SELECT sum(v) AS v FROM d.autogen.m")}
        var b = {query("SELECT count(v) AS v FROM d.autogen.m")}
        a|join(b).as('a', 'b')|alert().id('x').crit(lambda: TRUE).topic('meet')
            .message('{{{{ index .Fields "a.v" }}}} {{{{ index .Fields "b.v" }}}}')"""
    await define(api, "meet", script)
    await finished(api, "/recordings/batch", "meet_r", task="meet", start=START, stop=STOP)
    for path, more in (("/replays", {"recording": "meet_r"}), ("/replays/batch", {"start": START, "stop": STOP})):
        await finished(api, path, f"meet{path.count('/')}", task="meet", **more, **RECORDED)
    expected = [f"{sum(range(b + h, b + 10, 2))} 5" for b in (0, 10, 20) for h in (0, 1)]
    for id in ("meet1", "meet2"):
        said = [text for m in await alerts(bus, "meet") if m["replay"] == id for text in m["messages"]]
        assert said == expected


async def test_a_query_is_recorded_for_batches_and_for_streams(
    api: httpx.AsyncClient, bus: Bus, recorder: None
) -> None:
    asked = {"query": "SELECT v, s FROM d.autogen.ten GROUP BY host"}
    await finished(api, "/recordings/query", "q_b", type="batch", **asked)
    await finished(api, "/recordings/query", "q_s", type="stream", **asked)
    (found,) = await batches(api, "q_b")
    assert [(b["tags"]["host"], len(b["points"])) for b in found] == [("h0", 12_000), ("h1", 12_000)]
    assert found[0]["tmax"] == found[0]["points"][-1]["time"]
    file = (await api.get("/recordings/q_s/file")).content
    lines = gzip.decompress(file).split(b"\n")
    assert set(zip(lines[0:-1:3], lines[1::3], strict=True)) == {(b"d", b"autogen")}
    assert lines[2::3] == [f'ten,host=h{i % 2} s="text {i}",v={i} {(T + i) * S}'.encode() for i in range(24_000)]
    await define(api, "q_bt", query(more=".every(1h)") + "|sum('v')" + alerting("q"))
    await define(api, "q_st", "stream|from().measurement('ten')|where(lambda: \"v\" < 2)" + alerting("q"), "stream")
    for task, recorded in (("q_bt", "q_b"), ("q_st", "q_s")):
        await finished(api, "/replays", f"{task}1", task=task, recording=recorded, **RECORDED)
        await finished(api, "/replays/query", f"{task}2", task=task, **asked, **RECORDED)
    said = {
        id: [t // S - T for m in await alerts(bus, "q") if m["replay"] == id for t in m["time"]]
        for id in ("q_bt1", "q_bt2", "q_st1", "q_st2")
    }
    assert said == {"q_bt1": [23_998, 23_999], "q_bt2": [23_998, 23_999], "q_st1": [0, 1], "q_st2": [0, 1]}


async def test_a_query_in_falling_order_keeps_it(api: httpx.AsyncClient, recorder: None) -> None:
    text = "SELECT v FROM d.autogen.m WHERE v < 6 GROUP BY host ORDER BY time DESC"
    await finished(api, "/recordings/query", "falling", type="stream", query=text)
    lines = gzip.decompress((await api.get("/recordings/falling/file")).content).decode()
    # as the reference has it: what is not later than a series' first point comes with that
    assert re.findall(r" v=(\d)", lines) == ["4", "2", "0", "5", "3", "1"]


@pytest.mark.parametrize(
    ("text", "cluster", "error"),
    [
        ("SELECT v FROM m", "", "could not determine database and retention policy. Is the query fully qualified?"),
        ("SHOW DATABASES", "", "could not determine database and retention policy. Is the query fully qualified?"),
        ("SELECT v FROM", "", "found EOF, expected identifier at line 1, char 15"),
        ("SELECT v FROM d.autogen.m", "nowhere", "failed to get InfluxDB client: no such InfluxDB config nowhere"),
        ("SELECT v FROM x.autogen.m", "", "InfluxDB query failed: database not found: x"),
    ],
)
@pytest.mark.parametrize("type", ["batch", "stream"])
async def test_a_query_that_cannot_be_asked_fails(
    api: httpx.AsyncClient, recorder: None, type: str, text: str, cluster: str, error: str
) -> None:
    id = f"asked_{type}_{abs(hash(text + cluster))}"
    await define(api, id, query() if type == "batch" else "stream|from()|log()", type)
    shown = await made(api, "/recordings/query", id, type=type, query=text, cluster=cluster)
    assert (shown["status"], shown["error"]) == ("failed", error)
    shown = await made(api, "/replays/query", id, task=id, query=text, cluster=cluster)
    assert (shown["status"], shown["error"]) == ("failed", f"running replay: {error}")


async def test_a_recording_has_to_fit_its_task(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "fit", query())
    await define(api, "fit_two", f"{query()}\n{query()}")
    await define(api, "fit_s", "stream|from()|log()", "stream")
    await finished(api, "/recordings/batch", "fit_r", task="fit", start=START, stop=STOP)
    wrong = "unexpected number of batch collectors. exp 1 got 2"
    asked = {"query": "SELECT v FROM d.autogen.m"}
    for path, task, more, error in (
        ("/replays", "fit_two", {"recording": "fit_r"}, wrong),
        ("/replays/query", "fit_two", asked, wrong),
        ("/replays", "fit_s", {"recording": "fit_r"}, "the recording is of type batch, the task of type stream"),
    ):
        shown = await made(api, path, f"fit{path.count('/')}{task}", task=task, **more)
        assert (shown["status"], shown["error"]) == ("failed", f"running replay: {error}")


async def test_what_is_refused(api: httpx.AsyncClient) -> None:
    await define(api, "not_given", query())
    for body, status, error in [
        ({}, 404, "task load: no task exists"),
        ({"task": "not_given"}, 400, "must provide start time"),
        ({"task": "not_given", "start": "0001-01-01T00:00:00Z"}, 400, "must provide start time"),
        ({"task": "not_given", "start": "soon"}, 400, "invalid time: not an RFC 3339 time: 'soon'"),
        ({"task": "not_given", "start": START, "clock": "slow"}, 400, "unknown Clock slow"),
    ]:
        answer = await api.post("/replays/batch", json=body)
        assert (answer.status_code, answer.json()) == (status, {"error": error}), body


async def test_a_live_endpoint_and_a_replays_know_nothing_of_each_other(api: httpx.AsyncClient, recorder: None) -> None:
    await define(api, "ends", query(more=".period(1s).every(1s)") + "|httpOut('out')")
    body = {"id": "ends_p", "task": "ends", "start": START, "stop": STOP, "clock": "real"}
    assert (await api.post("/replays/batch", json=body)).status_code == 201
    async with asyncio.timeout(10):
        while (await api.get("/tasks/ends", params={"replay-id": "ends_p"})).json()["stats"] == {}:
            await asyncio.sleep(0.02)
    assert not (await api.get("/tasks/ends")).json()["executing"]
    await api.delete("/replays/ends_p")


async def test_posts_of_a_replay_all_come(api: httpx.AsyncClient, recorder: None) -> None:
    async with sink() as web:
        await define(api, "posts", query(more=".period(1s).every(1s)") + f"|httpPost('{web.url}')")
        await finished(api, "/replays/batch", "posts_p", task="posts", start=START, stop=STOP, **RECORDED)
        async with asyncio.timeout(5):
            while len(web.posts) < 30:
                await asyncio.sleep(0.02)


async def test_a_slow_influxdb_fails_the_recording_alone(
    api: httpx.AsyncClient, config: Config, tmp_path: Path, start_recorder: StartRecorder
) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    object.__setattr__(config, "influxdb", (InfluxDB(urls=(url,), default=True, timeout=0.5),))
    await define(api, "slow", query())
    async with start_recorder():
        shown = await made(api, "/recordings/batch", "slow_r", task="slow", start=START, stop=STOP)
        assert (shown["status"], shown["error"]) == ("failed", f"{url}/query: ReadTimeout")
        shown = await made(api, "/recordings/query", "slow_q", type="stream", query="SELECT v FROM d.autogen.m")
        assert shown["error"] == f"InfluxDB query failed: {url}/query: ReadTimeout"
    server.close()
