"""Backtests on a whole server: against what live tasks did, over InfluxDB, and with nothing done outside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.main import main
from tests.support.alerts import sink
from tests.support.influx import BINARY, Influxd, influxd
from tests.support.serve import serve

DBRPS = [{"db": "db", "rp": "rp"}]
T0 = 1_700_000_000
LEVELS = """
stream|from().measurement('cpu').groupBy('host')|window().period(3s).every(1s)|mean('v').as('v')
    |alert().id('{{ index .Tags "host" }}').warn(lambda: "v" > 60.0).crit(lambda: "v" > %s).stateChangesOnly()
        .topic('cpu')
"""
DEAD = "stream|from().measurement('cpu').groupBy('host')|deadman(0.0, 1s).stateChangesOnly().topic('dead')"
JOINED = """
var cpu = stream|from().measurement('cpu').groupBy('host')
cpu|join(stream|from().measurement('mem').groupBy('host')).as('cpu', 'mem')
    |alert().id('both {{ index .Tags "host" }}').crit(lambda: "cpu.v" > 80.0 AND "mem.v" > 10.0).topic('joined')
"""


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd | None]:
    if BINARY is None:
        yield None
        return
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, influx: Influxd | None) -> Iterator[str]:
    settings = {}
    if influx is not None:
        settings = {
            "KAPACITOR_INFLUXDB_0_ENABLED": "true",
            "KAPACITOR_INFLUXDB_0_NAME": "default",
            "KAPACITOR_INFLUXDB_0_DEFAULT": "true",
            "KAPACITOR_INFLUXDB_0_URLS_0": influx.url,
        }
    with serve(tmp_path_factory.mktemp("server"), settings) as url:
        yield url


@pytest.fixture
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{url}/kapacitor/v1", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def began(url: str) -> int:
    """Three live tasks, a minute of points that they have seen, and what they raised; gives when that began, ns."""
    with httpx.Client(base_url=f"{url}/kapacitor/v1", timeout=60) as client:
        for id, script in (("cpu", LEVELS % "80.0"), ("dead", DEAD), ("joined", JOINED)):
            body = {"id": id, "script": script, "dbrps": DBRPS, "status": "enabled"}
            assert client.post("/tasks", json=body).status_code == 200
        began = time.time_ns()
        for i in range(60):
            lines = [f"cpu,host={host} v={50 + 40 * ((i // 10 + k) % 2)} {T0 + i}" for k, host in enumerate("abc")]
            lines += [f"mem,host={host} v={i} {T0 + i}" for host in "abc"]
            answer = client.post("/write", params={"db": "db", "rp": "rp", "precision": "s"}, content="\n".join(lines))
            assert answer.status_code == 204
        for topic, events in (("cpu", 31), ("dead", 3), ("joined", 84)):
            until(lambda topic=topic, events=events: collected(client, topic) >= events)  # type: ignore[misc]
    return began


def until(holds: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def collected(client: httpx.Client, topic: str) -> int:
    found: int = client.get(f"/alerts/topics/{topic}").json().get("collected", 0)
    return found


async def backtested(api: httpx.AsyncClient, **asked: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary of a backtest, and all its lines."""
    answer = await api.post("/backtests", json=asked)
    assert answer.status_code == 201, answer.text
    path = f"/backtests/{answer.json()['id']}"
    async with asyncio.timeout(120):
        while (body := (await api.get(path)).json())["status"] == "running":
            await asyncio.sleep(0.05)
    assert body["status"] == "finished", body["error"]
    lines: list[dict[str, Any]] = []
    while page := (await api.get(f"{path}/results", params={"offset": len(lines)})).json()["results"]:
        lines += page
    assert len(lines) == body["summary"]["results"]
    return body["summary"], lines


@pytest.mark.parametrize(("task", "alerts"), [("cpu", 31), ("dead", 3), ("joined", 84)])
async def test_what_a_live_task_did_is_what_it_would_have_done(
    api: httpx.AsyncClient, began: int, task: str, alerts: int
) -> None:
    summary, lines = await backtested(api, task=task, start=began, against=task)
    difference = summary["difference"]
    assert (difference["same"], difference["new"], difference["missing"], difference["level"]) == (alerts, 0, 0, 0)
    assert summary["alerts"] == alerts and summary["outcomes"] == {"alert": alerts}
    assert [line["kind"] for line in lines] == ["alert"] * alerts + ["id"] * summary["ids"]


async def test_a_deleted_task_is_run_and_compared_as_it_was_last(api: httpx.AsyncClient, began: int) -> None:
    script = "stream|from().measurement('later')|alert().id('x').crit(lambda: \"v\" > %s).topic('gone')"
    task = {"id": "gone", "script": script % "1", "dbrps": DBRPS, "status": "enabled"}
    assert (await api.post("/tasks", json=task)).status_code == 200
    start = time.time_ns()
    assert (await api.patch("/tasks/gone", json={"script": script % "2"})).status_code == 200
    for change in ({"status": "disabled"}, {"status": "enabled"}):  # so that it runs
        assert (await api.patch("/tasks/gone", json=change)).status_code == 200
    lines = f"later v=2 {T0}\nlater v=3 {T0 + 1}"
    answer = await api.post("/write", params={"db": "db", "rp": "rp", "precision": "s"}, content=lines)
    assert answer.status_code == 204
    assert (await api.delete("/tasks/gone")).status_code == 204
    summary, _ = await backtested(api, task="gone", start=start, against="gone")
    assert summary["levels"]["CRITICAL"] == 1 and summary["difference"]["same"] == 1
    summary, _ = await backtested(api, task="gone", script=script % "1", start=start, against="gone")
    assert (summary["difference"]["same"], summary["difference"]["new"]) == (1, 1)


async def test_another_threshold_makes_the_difference_that_it_should(api: httpx.AsyncClient, began: int) -> None:
    summary, lines = await backtested(api, task="cpu", script=LEVELS % "95.0", start=began, against="cpu")
    assert summary["levels"] == {"OK": 7, "INFO": 0, "WARNING": 9, "CRITICAL": 0}
    difference = summary["difference"]
    # no alert gets critical; of those that begin so the warning is new, of those that come to it nothing is left
    assert (difference["level"], difference["new"]) == (1, 0)
    assert difference["missing"] == 31 - 16
    found = [line for line in lines if line["kind"] == "difference"]
    assert {line["level"] for line in found if line["difference"] == "missing"} == {"CRITICAL", "WARNING"}
    (level,) = [line for line in found if line["difference"] == "level"]
    assert (level["id"], level["level"], level["against"]) == ("b", "WARNING", "CRITICAL")


async def test_two_scripts_are_compared(api: httpx.AsyncClient, began: int) -> None:
    script, other = LEVELS % "80.0", LEVELS % "95.0"
    summary, _ = await backtested(api, script=script, dbrps=DBRPS, start=began, **{"against-script": other})
    difference = summary["difference"]
    assert (difference["against"], difference["expected"]) == ("script", 16)
    assert (difference["same"], difference["new"], difference["level"]) == (15, 15, 1)


async def test_nothing_is_done_outside(api: httpx.AsyncClient, began: int) -> None:
    async with sink() as server:
        script = f"""
            var cpu = stream|from().measurement('cpu').groupBy('host')
            cpu|alert().id('x').crit(lambda: "v" > 80.0).post('{server.url}/alert').email('a@example.com')
            cpu|httpPost('{server.url}/post')
            cpu|kapacitorLoopback().database('back').retentionPolicy('rp').measurement('back')
            cpu|log().prefix('never')
        """
        before = await figures(api)
        summary, lines = await backtested(api, script=script, dbrps=DBRPS, start=began)
        assert server.posts == [] and await figures(api) == before
    outcomes = summary["outcomes"]
    assert outcomes["alert"] == summary["alerts"] > 80
    assert outcomes["post"] == 180 and outcomes["log"] == 180
    assert summary["handlers"] == {"post": summary["alerts"], "smtp": summary["alerts"]}
    written = [line for kind in lines if kind["kind"] == "loopback" for line in kind["lines"]]
    assert len(written) == 180 and all(line.startswith("back,") for line in written)


async def figures(api: httpx.AsyncClient) -> Any:
    """How much was written, and what alerting has had."""
    topics = (await api.get("/alerts/topics")).json()
    history = (await api.get("/history")).json()
    return [(one["id"], one["collected"]) for one in topics["topics"]], history["writes"], history["alerts"]


async def test_an_alert_node_that_tells_nobody_is_told_of(api: httpx.AsyncClient, began: int) -> None:
    script = "stream|from().measurement('cpu')|alert().crit(lambda: \"v\" > 80.0)"
    summary, lines = await backtested(api, script=script, dbrps=DBRPS, start=began, against="cpu")
    assert summary["alerts"] > 80 and {line["topic"] for line in lines if line["kind"] == "id"} == {"alert2"}
    assert lines[0]["topics"] == []


async def test_the_warm_up_is_read_and_not_counted(api: httpx.AsyncClient, began: int) -> None:
    now = time.time_ns()
    script = "stream|from()|alert().crit(lambda: TRUE)"
    summary, _ = await backtested(api, script=script, dbrps=DBRPS, start=now - 1, stop=now)
    assert (summary["alerts"], summary["points"], summary["began"]) == (0, 0, "nothing")
    asked = {"dbrps": DBRPS, "start": now - 1, "stop": now, "warm-up": now - 1 - began}
    summary, _ = await backtested(api, script=LEVELS % "80.0", **asked)
    assert (summary["alerts"], summary["points"], summary["began"]) == (0, 180, "warm-up")


async def test_a_task_that_would_end_is_told_of(api: httpx.AsyncClient, began: int) -> None:
    script = """stream|from().measurement('cpu')|alert().id('{{ index .Fields "no" "no" }}').crit(lambda: TRUE)"""
    summary, _ = await backtested(api, script=script, dbrps=DBRPS, start=began)
    assert "alert2" in summary["failed"]
    summary, _ = await backtested(
        api, script="stream|from()|eval(lambda: \"no\" + 1).as('x')", dbrps=DBRPS, start=began
    )
    assert list(summary["errors"]) == list(summary["reasons"]) == ["eval2"]


@pytest.mark.skipif(BINARY is None, reason="no influxd is installed")
async def test_a_batch_task_asks_influxdb_for_that_time(api: httpx.AsyncClient, influx: Influxd) -> None:
    influx.query("CREATE DATABASE db")
    influx.query("CREATE RETENTION POLICY rp ON db DURATION INF REPLICATION 1")
    lines = "\n".join(f"cpu,host=a v={10 if i < 60 else 90} {T0 - T0 % 60 + i}" for i in range(120))
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{influx.url}/write", params={"db": "db", "rp": "rp", "precision": "s"}, content=lines
        )
        assert answer.status_code == 204
    script = """
        batch|query('SELECT mean(v) AS v FROM db.rp.cpu').period(20s).every(20s).align().groupBy('host')
            |alert().id('{{ .TaskName }}').crit(lambda: "v" > 50.0).topic('batch')
    """
    begin = (T0 - T0 % 60) * 10**9
    span = {"start": begin, "stop": begin + 120 * 10**9}
    summary, found = await backtested(api, script=script, dbrps=DBRPS, **span)
    assert summary["levels"] == {"OK": 0, "INFO": 0, "WARNING": 0, "CRITICAL": 3}
    assert (summary["points"], summary["of"]) == (6, "batches")
    alerts = [line for line in found if line["kind"] == "alert"]
    assert [line["duration"] // 10**9 for line in alerts] == [0, 20, 40]
    other = script.replace("50.0", "95.0")
    summary, _ = await backtested(api, script=script, dbrps=DBRPS, **span, **{"against-script": other})
    assert summary["difference"]["new"] == 3


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({"script": "stream\n  |frm()"}, 400, "invalid TICKscript: line 2 char 4"),
        ({"script": "stream|from()|log()", "start": None}, 400, "start: "),
        ({"script": "stream|from()|log()", "dbrps": []}, 400, "must specify dbrp"),
        ({"script": "stream|from()|log()", "against": "nobody"}, 404, "against: no task exists"),
        ({"task": "nobody", "dbrps": []}, 404, "task: no task exists"),
        ({"script": "stream|from()|log()", "warm-up": "-1s"}, 400, "warm-up: must be a duration"),
        ({"script": "stream|from()|log()", "against-script": "batch|query('')"}, 400, "against-script: "),
        (
            {"script": "stream|from()|log()", "type": "batch"},
            400,
            "script: it is of type stream, and what is to be run is",
        ),
        ({"script": "stream|from()|log()", "sript": ""}, 400, "sript: unknown field"),
        ({}, 400, "must provide TICKscript"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_begun(
    api: httpx.AsyncClient, asked: dict[str, Any], status: int, error: str
) -> None:
    there = len((await api.get("/backtests")).json()["backtests"])
    answer = await api.post("/backtests", json={"dbrps": DBRPS, "start": "2023-01-01T00:00:00Z", **asked})
    assert (answer.status_code, answer.json()["error"][: len(error)]) == (status, error)
    assert len((await api.get("/backtests")).json()["backtests"]) == there


async def test_on_the_command_line(
    api: httpx.AsyncClient,
    url: str,
    began: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAPACITOR_URL", url)
    script = tmp_path / "strict.tick"
    script.write_text(f'dbrp "db"."rp"\n{LEVELS % "95.0"}')
    there = len((await api.get("/backtests")).json()["backtests"])
    capsys.readouterr()

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, ("backtest", *arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, err = await run(str(script), "-from", str(began), "-against", "cpu")
    assert (code, err) == (0, "")
    assert "alerts: 16 of 3 ids" in out and "against the task cpu: same 15, new 0, missing 15, level 1" in out
    code, out, _ = await run("cpu", "-from", str(began), "-json")
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert code == 0 and kinds == ["alert"] * 31 + ["id"] * 3 + ["summary"]
    assert len((await api.get("/backtests")).json()["backtests"]) == there
    code, _, err = await run("cpu", "-from", "-1h", "-keep")
    assert code == 0 and "is kept" in err
    assert len((await api.get("/backtests")).json()["backtests"]) == there + 1
    script.write_text("stream|frm()")
    code, _, err = await run(str(script), "-from", "-1h", "-dbrp", "db.rp")
    assert code == 1 and "line 1 char 8" in err
    assert (await run("cpu", "-from", "yesterday"))[0] == 2
