"""All services in one process, which ask each other all that they can: both ends of a request go by its schemas."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
import zipfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.config import Config, Engine, Http, InfluxDB, Nats, Replay
from schemas.requests.request import ALL, Request
from services.bus.connection import Bus
from services.bus.subjects import write_subject
from services.cli.diagnostics.agent import DiagnosticsAgent
from services.cli.service_process import SERVICES
from services.process.vitals import Vitals
from tests.support.nats import NatsServer, nats_server
from tests.support.ports import free_port
from tests.unit.services.recorder.conftest import process
from tests.unit.services.recorder.record.test_recordings import done, write

__all__ = ["nats_server"]

DBRPS = [{"db": "db", "rp": "rp"}]
SCRIPT = """var data = stream|from().measurement('m')
data|window().period(1s).every(1s)|httpOut('shown')
data|alert().id('one').crit(lambda: "v" > 0).topic('all').inhibit('kind')
data|alert().id('two').crit(lambda: "v" > 0).category('kind')
data|deadman(0.0, 1h)
"""
ENDS = {"encode_request", "decode_request", "encode_response", "decode_response"}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """By the subject of a request, which of its four ends were used."""
    found: dict[str, set[str]] = defaultdict(set)

    def noting(name: str) -> Callable[..., Any]:
        real = getattr(Request, name)

        def call(self: Request, *args: Any, **kwargs: Any) -> Any:
            found[self.subject].add(name.replace("_long", ""))
            return real(self, *args, **kwargs)

        return call

    for name in (*ENDS, "encode_long_response", "decode_long_response"):
        monkeypatch.setattr(Request, name, noting(name))
    return found


@pytest.fixture
def config(nats_server: NatsServer, tmp_path: Path) -> Config:
    return Config(
        data_dir=tmp_path,
        http=Http(bind_address=f"127.0.0.1:{free_port()}"),
        nats=Nats(url=nats_server.url),
        engine=Engine(id="worker", workers=1),
        replay=Replay(patience=20.0),
        influxdb=(InfluxDB(urls=("http://127.0.0.1:1",), timeout=1.0),),  # where there is none
    )


@pytest.fixture
async def api(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """All services but the engine."""
    async with contextlib.AsyncExitStack() as stack:
        async with await Bus.connect(config.nats.url, "test") as bus:
            await bus.ensure_streams()
            # what is older than the worker: it asks whether somebody would store more
            await bus.publish(write_subject("db", "rp"), b"m v=0 1")
        await stack.enter_async_context(DiagnosticsAgent("engine", config))
        for name in ("gateway", "alerting", "recorder"):
            await stack.enter_async_context(running(name, config))
        url = f"http://{config.http.bind_address}/kapacitor/v1"
        yield await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))


def running(name: str, config: Config) -> contextlib.AbstractAsyncContextManager[None]:
    return process(lambda ready, stop: SERVICES[name](config, ready, stop, Vitals(name)))  # type: ignore[arg-type, return-value]


async def test_both_ends_of_every_request_go_by_its_schemas(
    api: httpx.AsyncClient, config: Config, used: dict[str, set[str]]
) -> None:
    async with running("engine", config):
        await _ask_of_tasks_and_topics(api, used)
        await _ask_of_recordings(api)
        await _ask_of_subscriptions(api)
        await _ask_of_history(api)
        await _ask_why(api)
        await _ask_of_looks_at_the_log(api, used)
        await _ask_of_processes(api, used)
        await _look_on(api, used)
    async with running("engine", config):
        await _until(used, "alerting.ticked")  # by a worker that takes up what another has left
    assert {request.subject: used[request.subject] for request in ALL} == dict.fromkeys(
        (request.subject for request in ALL), ENDS
    )


async def _ask_of_tasks_and_topics(api: httpx.AsyncClient, used: dict[str, set[str]]) -> None:
    handler = {"id": "log", "kind": "log", "options": {"path": "/dev/null"}}
    await _ok(api.post("/alerts/topics/all/handlers", json=handler))
    task = {"id": "task", "type": "stream", "dbrps": DBRPS, "script": SCRIPT, "status": "enabled"}
    await _ok(api.post("/tasks", json=task))
    await _until(used, "gateway.writes")  # a worker of tasks with clocks asks before anything has come
    await write(api, "m,host=a v=1 1700000000\nm,host=a v=1 1700000005")
    async with asyncio.timeout(30):
        while not (await _ok(api.get("/alerts/topics/all/events"))).get("events"):
            await asyncio.sleep(0.05)
    assert (await _ok(api.get("/tasks/task")))["stats"]["node-stats"]["from1"]["collected"] == 2
    assert "tasks" in await _ok(api.get("/tasks"))
    assert (await api.get("/tasks/task/shown")).status_code == 200
    assert (await api.get("/tasks/task/tap", params={"for": "10ms"})).status_code == 200
    await _ok(api.get("/alerts/topics"))
    await _ok(api.get("/alerts/topics/all"))
    await _ok(api.get("/alerts/topics/all/events/one"))
    await _ok(api.get("/alerts/topics/all/events/one/comments"))
    await _ok(api.get("/alerts/topics/all/events/one/deliveries"))
    await _ok(api.get("/alerts/history"))
    await _ok(api.get("/alerts/report"))
    # enabled once more it asks how its topics stand, and what they were told last
    for status in ("disabled", "enabled"):
        await _ok(api.patch("/tasks/task", json={"status": status}))
    await _ok(api.delete("/alerts/topics/all"))
    await _ok(api.get("/service-tests"))
    assert "success" in await _ok(api.post("/service-tests/alerta", json={}))
    await _ok(api.post("/sideload/reload"))
    assert (await api.get("/storage/backup")).status_code == 200


async def _ask_of_history(api: httpx.AsyncClient) -> None:
    (task,) = (await _ok(api.get("/history", params={"task": "task"})))["tasks"]
    assert task["points"][0]["why"] == "begin"


async def _ask_why(api: httpx.AsyncClient) -> None:
    assert (await api.get("/alerts/topics/all/events/one/why")).status_code in (200, 404, 409, 410)
    await _ok(api.get("/tasks/task/why-not", params={"at": "2023-11-14T22:14:30Z"}))


async def _ask_of_looks_at_the_log(api: httpx.AsyncClient, used: dict[str, set[str]]) -> None:
    start = time.time_ns()
    lines = "\n".join(f"m,host=a v=1 {1700000000 + i // 10_000}" for i in range(50_000))
    await write(api, lines)
    for kind, more in (("trace", {"limit": 10}), ("backtest", {})):
        async with asyncio.timeout(60):
            while used[f"{kind}.progress.{{id}}"] != ENDS:  # how far one is tells only who is at it
                asked = {"id": kind, "task": "task", "start": start, **more}
                await _ok(api.post(f"/{kind}s", json=asked))
                assert (await done(api, f"/{kind}s/{kind}"))["status"] == "finished"
                assert (await _ok(api.get(f"/{kind}s/{kind}/results")))["count"]
                await _ok(api.delete(f"/{kind}s/{kind}"))


async def _ask_of_subscriptions(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while (answer := await api.post("/subscriptions")).status_code == 503:
            await asyncio.sleep(0.05)
    assert "failed to link subscriptions" in answer.json()["error"]


async def _ask_of_recordings(api: httpx.AsyncClient) -> None:
    await _ok(api.post("/recordings/stream", json={"id": "long", "task": "task", "stop": "2100-01-01T00:00:00Z"}))
    batch = io.BytesIO()
    with zipfile.ZipFile(batch, "w") as archive:
        archive.writestr("0", '{"name":"m","points":[{"fields":{"v":1},"time":"2023-11-14T22:14:30Z"}]}')
    await _ok(api.post("/recordings/import", params={"id": "batch"}, content=batch.getvalue()))
    assert (await done(api, "/recordings/batch"))["status"] == "finished"
    assert (await api.get("/recordings/batch/file")).status_code == 200
    short = {"id": "short", "task": "task", "stop": "2023-11-14T22:15:00Z"}
    await _ok(api.post("/recordings/stream", json=short))
    await write(api, "m,host=a v=1 1700000000\nm,host=a v=1 1700000090\nm,host=a v=1 1700009999")
    assert (await done(api, "/recordings/short"))["status"] == "finished"
    for id, clock in (("real", "real"), ("fast", "fast")):
        body = {"id": id, "task": "task", "recording": "short", "clock": clock, "recording-time": True}
        await _ok(api.post("/replays", json=body))
    assert (await done(api, "/replays/fast"))["status"] == "finished"
    await _progress(api, "/recordings/long")
    await _progress(api, "/replays/real")


async def _progress(api: httpx.AsyncClient, path: str) -> None:
    """Ask of what runs until a recorder is at it; then end it."""
    for _ in range(20):
        assert (await api.get(path)).status_code == 202
        await asyncio.sleep(0.1)
    await _ok(api.delete(path))


async def _ask_of_processes(api: httpx.AsyncClient, used: dict[str, set[str]]) -> None:
    await _ok(api.post("/loglevel", json={"level": "INFO"}))
    for name in ("profile?seconds=0.1", "heap", "goroutine", "threadcreate", "block?seconds=0.1", "mutex?seconds=0.1"):
        assert (await api.get(f"/debug/pprof/{name}")).status_code == 200, name
    assert (await api.get(api.base_url.copy_with(path="/metrics"))).status_code == 200
    assert "lacks" in (await api.get(api.base_url.copy_with(path="/readyz"), params={"all": "true"})).json()
    async with api.stream("GET", api.base_url.copy_with(path="/kapacitor/v1preview/logs")) as lines:
        assert lines.status_code == 200
        await _until(used, "process.listen")


async def _look_on(api: httpx.AsyncClient, used: dict[str, set[str]]) -> None:
    async with api.stream("GET", "/live") as events:
        assert events.status_code == 200
        await _until(used, "engine.figures")


async def _until(used: dict[str, set[str]], subject: str) -> None:
    async with asyncio.timeout(30):
        while used[subject] != ENDS:
            await asyncio.sleep(0.05)


async def _ok(asked: Any) -> Any:
    answer = await asked
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None
