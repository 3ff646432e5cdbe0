"""Everything on one machine: NATS and every service, started together, kept running, stopped in order."""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.config import Config
from services import log
from services.gateway.tls import Certificate
from services.launcher.directory import DataDirectory, started
from services.launcher.disk import Disks, DiskWatch
from services.launcher.errors import CannotStart
from services.launcher.nats import free_port, is_free, nats_program, nats_store
from services.launcher.process import Program, Supervised

_log = log.get("launcher")

# The order of stopping: nothing new comes in, what came in is worked off and saved, alerts are handed on, NATS last.
_STOPPED_FIRST_TO_LAST = ("gateway", "engine", "recorder", "alerting", "nats")

Programs = Callable[[Config, dict[str, str]], list[Program]]


class Launcher:
    """The processes of one ``tickbus serve``.

    ``programs`` makes the list of services from the configuration and the environment that tells them what only the
    launcher knows: the bus, the address, what the command line said. What runs under which process id stands in
    ``state.json`` of the data directory.
    """

    def __init__(self, config: Config, programs: Programs) -> None:
        self.config = config
        self.http_address = _concrete(config.http.bind_address)
        self._programs = programs
        self._directory: DataDirectory | None = None
        self._running: dict[str, Supervised] = {}
        self._nats_url = ""
        self._disks = Disks([config.data_dir], config.storage.keep_free)
        self._watching: asyncio.Task[None] | None = None

    @property
    def nats_url(self) -> str:
        """The address of NATS, with its credentials; empty before ``start``."""
        return self._nats_url

    @property
    def http_url(self) -> str:
        """The address of the HTTP API, as seen from this machine."""
        host, _, port = self.http_address.rpartition(":")
        scheme = "https" if self.config.http.https_enabled else "http"
        return f"{scheme}://{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{port}"

    async def start(self) -> None:
        """Start everything; return when every service is ready.

        Raises CannotStart, or OSError where the directory, the address or the certificate is no good; what was started
        by then runs until ``stop``.
        """
        if self.config.http.https_enabled:
            Certificate(self.config.http, self.config.tls)
        self.config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        own_nats = not self.config.nats.url
        store = nats_store(self.config)
        if own_nats:
            store.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._disks = Disks([self.config.data_dir, store], self.config.storage.keep_free)
        self._disks.check()
        self._directory = DataDirectory(self.config.data_dir)
        host, _, port = self.http_address.rpartition(":")
        if not is_free(host.strip("[]"), int(port)):
            raise CannotStart(f"{self.http_address} is in use by another program; choose another with --http HOST:PORT")
        watch = DiskWatch(self._disks, self._restart_nats, self._write_state)
        self._watching = asyncio.create_task(watch.run())
        self._nats_url = self.config.nats.url
        environment = {}
        if own_nats:
            program, self._nats_url = nats_program(self.config, watch.stuck)
            await self._start(program)
            environment["KAPACITOR_NATS_STORE_DIR"] = str(store)
        else:
            _log.info(
                "the given NATS decides what survives a power cut: all that is acknowledged does with "
                "`sync_interval: always` in its section jetstream, else up to two minutes are lost"
            )
        environment |= {
            "KAPACITOR_NATS_URL": self._nats_url,
            "KAPACITOR_HTTP_BIND_ADDRESS": self.http_address,
            "KAPACITOR_DATA_DIR": str(self.config.data_dir),
            "KAPACITOR_LOGGING_FILE": self.config.logging.file,
            "KAPACITOR_LOGGING_LEVEL": self.config.logging.level,
        }
        await asyncio.gather(*map(self._start, self._programs(self.config, environment)))

    def hang_up(self) -> None:
        """Have what is read from files read anew: the gateway is passed on SIGHUP."""
        gateway = self._running.get("gateway")
        if gateway is not None:
            gateway.hang_up()

    async def stop(self) -> None:
        """Stop everything, in order; each service has its own time before it is killed, ten seconds in all."""
        if self._watching is not None:
            self._watching.cancel()
        for kind in _STOPPED_FIRST_TO_LAST:
            await asyncio.gather(*(one.stop() for name, one in self._running.items() if name.split("-")[0] == kind))
        if self._directory is not None:
            self._directory.close()
            self._directory = None

    async def _start(self, program: Program) -> None:
        supervised = Supervised(program, self._write_state, self._disks.full)
        self._running[program.name] = supervised
        await supervised.start()

    async def _restart_nats(self) -> bool:
        return await self._running["nats"].restart()

    def _write_state(self) -> None:
        if self._directory is None:
            return
        services: dict[str, Any] = {
            name: {"pid": one.pid, "started": started(one.pid) if one.pid else None, "restarts": one.restarts}
            for name, one in self._running.items()
        }
        try:
            self._directory.write_state(
                {"pid": os.getpid(), "http": self.http_url, "nats": self._nats_url, "services": services}
            )
        except OSError as error:
            _log.error("state.json cannot be written", err=str(error))


def service_programs(config_file: Path | None) -> Programs:
    """The services of tickbus as programs: ``python -m services.cli NAME`` for each."""

    def programs(config: Config, environment: dict[str, str]) -> list[Program]:
        engines = [f"engine-{number}" for number in range(worker_count(config))]
        return [
            _service("gateway", environment, config_file, config.http.shutdown_timeout + 1.0),
            *(_service(name, {**environment, "KAPACITOR_ENGINE_ID": name}, config_file) for name in engines),
            _service("alerting", environment, config_file, 2.0),
            _service("recorder", environment, config_file, 2.0),
        ]

    return programs


def worker_count(config: Config) -> int:
    """How many engine workers ``serve`` starts."""
    return config.engine.workers or min(4, max(1, (os.cpu_count() or 1) // 2))


def _service(name: str, environment: dict[str, str], config_file: Path | None, stop_within: float = 3.0) -> Program:
    kind = name.split("-")[0]
    # -P: a folder called services in the user's current directory must not be taken for ours.
    command = [sys.executable, "-P", "-m", "services.cli", kind]
    if config_file is not None:
        command += ["--config", str(config_file)]
    return Program(
        name=name,
        command=command,
        environment=environment,
        ready=re.compile(rf"^tickbus {kind} ready"),
        stop_within=stop_within,
    )


def _concrete(address: str) -> str:
    """The address with a port of its own where it asks for any (port 0): all services are told the same one."""
    host, _, port = address.rpartition(":")
    return address if int(port) else f"{host}:{free_port(host.strip('[]'))}"
