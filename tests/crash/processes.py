"""tickbus as real processes: all of it by `serve`, or service by service against one NATS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
import psutil

from tests.support.forking import Forked, fork
from tests.support.nats import NatsServer
from tests.support.nats_cluster import NatsCluster
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0  # a machine that is busy with other things takes long

T = TypeVar("T")

# What is saved often is replayed little: a test must see both.
FAST = {
    "KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "1s",
    "KAPACITOR_ENGINE_LEASE_TTL": "3s",
    "KAPACITOR_ENGINE_HEARTBEAT": "500ms",
    "KAPACITOR_ALERT_LEASE_TTL": "2s",
    "KAPACITOR_ALERT_HEARTBEAT": "400ms",
    "KAPACITOR_HTTP_LOG_ENABLED": "false",
}


async def eventually(condition: Callable[[], T], what: str, timeout: float = 60.0) -> T:
    """Wait until the condition gives something true, and give that. AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.02)
    return found


class Program:
    """One `tickbus` process. Its log goes to a file, its standard output is read for the line that says ready."""

    def __init__(
        self,
        *arguments: str,
        log: Path,
        environment: dict[str, str] | None = None,
        module: str = "services.cli",
        forked: bool = False,
    ) -> None:
        """forked: out of one process for all, which has imported everything: that is most of what a start takes."""
        self._arguments, self._module = arguments, module
        self._forked = forked
        self._environment = FAST | (environment or {})
        self.log = log
        self.url = ""
        """Of the HTTP API, where it has one."""
        self._process: Process | Forked | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, within: float = START_SECONDS) -> None:
        """Start it and wait until it is ready."""
        self._ready.clear()
        environment = os.environ | self._environment
        with self.log.open("ab") as log:
            if self._forked:
                self._process = await fork(self._arguments, ROOT, log, environment)
            else:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", self._module, *self._arguments,
                    cwd=ROOT, stdout=PIPE, stderr=log, env=environment,
                )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))
        ended = asyncio.create_task(self._process.wait())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait([ended, ready], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, ready):
            task.cancel()
        assert self._ready.is_set(), f"{self._arguments} is not ready: {self.tail()}"

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None and self._process.returncode is None:
            self.send(signal.SIGKILL)
        await self._gone()

    async def stop(self, within: float = 30.0, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; gives the exit code. AssertionError where it does not end in time."""
        assert self._process is not None
        if self._process.returncode is None:
            self.send(number)
            try:
                await asyncio.wait_for(self._process.wait(), within)
            except TimeoutError:
                await self.kill()
                raise AssertionError(f"{self._arguments} does not stop within {within:g} s: {self.tail()}") from None
        code = self._process.returncode
        await self._gone()
        assert code is not None
        return code

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:]

    def logged(self, text: str) -> list[str]:
        """The lines of its log that hold a text."""
        return [line for line in self.log.read_text("utf-8", "replace").splitlines() if text in line]

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await self._reading
        self._process = self._reading = None

    async def _read(self, process: Process | Forked) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if b" ready" in line:
                self._ready.set()


class Serve(Program):
    """`tickbus serve` with a NATS of its own. data: its data directory, where that is not to lie beside its log."""

    def __init__(
        self,
        directory: Path,
        workers: int = 1,
        environment: dict[str, str] | None = None,
        data: Path | None = None,
    ) -> None:
        self.data = data or directory / "data"
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(
            "serve", "--http", "127.0.0.1:0", "--data-dir", str(self.data), "--workers", str(workers),
            log=directory / "serve.log", environment=environment,
        )  # fmt: skip

    async def __aenter__(self) -> Serve:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        if error is not None:
            print(self.tail())

    async def start(self, within: float = START_SECONDS) -> None:
        await super().start(within)
        self.url = self.state()["http"]

    def state(self) -> dict[str, Any]:
        """state.json: who runs under which pid."""
        state: dict[str, Any] = json.loads((self.data / "state.json").read_text("utf-8"))
        return state

    def services(self) -> dict[str, Any]:
        services: dict[str, Any] = self.state()["services"]
        return services

    def processor_seconds(self) -> float:
        """How long the services that run now, and what they have started, have had a processor."""
        running = (psutil.Process(service["pid"]) for service in self.services().values())
        return sum(sum(process.cpu_times()[:4]) for process in running)

    async def kill_service(self, name: str) -> None:
        """kill -9 one service, and wait until the launcher has started it again."""
        before = self.services()[name]
        os.kill(before["pid"], signal.SIGKILL)

        def again() -> bool:
            now = self.services()[name]
            return bool(now["pid"]) and now["pid"] != before["pid"]

        await eventually(again, f"{name} is started again")


class Services:
    """A NATS, and services started and ended one by one."""

    def __init__(
        self, directory: Path, environment: dict[str, str] | None = None, nats: NatsServer | NatsCluster | None = None
    ) -> None:
        """nats: where it is not one server."""
        self._directory = directory
        self._environment = environment
        self.nats: Any = nats or NatsServer(directory / "nats")
        self.programs: dict[str, Program] = {}
        self.later: set[str] = set()
        """Those that are to be of a later version."""
        self.url = ""

    async def __aenter__(self) -> Services:
        await asyncio.to_thread(self.nats.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, program in self.programs.items():
            with contextlib.suppress(ProcessLookupError):
                await program.kill()
            if error is not None:
                print(f"== {name}\n{program.tail()}")
        await asyncio.to_thread(self.nats.stop)

    async def start(self, *names: str) -> None:
        """Start services: gateway, alerting, recorder, or the name of an engine worker. Ready when this returns.

        Several gateways, alertings or recorders, each with a data directory of its own, are called gateway-… and so on.
        """
        await asyncio.gather(*(self._start(name) for name in names))

    def __getitem__(self, name: str) -> Program:
        return self.programs[name]

    async def _start(self, name: str) -> None:
        if name not in self.programs:
            service, of_several, _ = name.partition("-")
            data = self._directory / (name if of_several else "data")
            common = ["--nats", self.nats.url, "--data-dir", str(data)]
            address = ""
            if service == "gateway":
                address = f"127.0.0.1:{free_port()}"
                arguments = [service, "--http", address, *common]
            elif service in ("alerting", "recorder"):
                arguments = [service, *common]
            else:
                arguments = ["engine", "--id", name, *common]
            log = self._directory / f"{name}.log"
            later = name in self.later
            module = "tests.crash.later_version" if later else "services.cli"
            self.programs[name] = Program(
                *arguments, log=log, environment=self._environment, module=module, forked=not later
            )
            if address:
                self.url = self.programs[name].url = f"http://{address}"
        await self.programs[name].start()


class Api:
    """The HTTP API of a running gateway, as a client uses it."""

    def __init__(self, where: Program | Services) -> None:
        """where: all of it, services of which one is a gateway, or one gateway of several."""
        self._where = where
        self._client = httpx.AsyncClient(timeout=20.0, limits=httpx.Limits(max_keepalive_connections=4))

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def call(self, method: str, path: str, **keys: Any) -> httpx.Response:
        return await self._client.request(method, self._where.url + path, **keys)

    async def define(self, id: str, script: str, status: str = "enabled", rp: str = "rp") -> httpx.Response:
        task = {"id": id, "type": "stream", "dbrps": [{"db": "db", "rp": rp}], "script": script, "status": status}
        return await self.call("POST", "/kapacitor/v1/tasks", json=task)

    async def task(self, id: str) -> Any:
        answer = await self.call("GET", f"/kapacitor/v1/tasks/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def stats(self, id: str, node: str) -> dict[str, Any]:
        """The statistics of one node, {} where nobody gives them now."""
        try:
            task = await self.task(id)
        except httpx.HTTPError:
            return {}
        stats: dict[str, Any] = task["stats"].get("node-stats", {}).get(node, {})
        return stats

    async def write(self, lines: str | bytes, key: str = "", rp: str = "rp", precision: str = "ms") -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        parameters = {"db": "db", "rp": rp, "precision": precision}
        return await self.call("POST", "/kapacitor/v1/write", params=parameters, content=lines, headers=headers)

    async def until_stats(self, id: str, node: str, timeout: float = 60.0, **expected: int) -> dict[str, Any]:
        """Wait until a node's statistics say this."""
        deadline = time.monotonic() + timeout
        while True:
            stats = await self.stats(id, node)
            if all(stats.get(name) == value for name, value in expected.items()):
                return stats
            assert time.monotonic() < deadline, f"{id}/{node}: {stats}, not {expected}"
            await asyncio.sleep(0.05)

    async def until_at_least(self, id: str, node: str, timeout: float = 60.0, **expected: int) -> dict[str, Any]:
        """Wait until a node's statistics say so much or more."""
        deadline = time.monotonic() + timeout
        while True:
            stats = await self.stats(id, node)
            if all(stats.get(name, -1) >= value for name, value in expected.items()):
                return stats
            assert time.monotonic() < deadline, f"{id}/{node}: {stats}, less than {expected}"
            await asyncio.sleep(0.05)
