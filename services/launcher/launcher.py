"""Everything on one machine: NATS and every service, started together, kept running, stopped in order."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from schemas.config import Config
from schemas.config.nats import Nats
from services.bus.account.settings import wishes_of
from services.bus.connection import Bus
from services.bus.errors import ApiError, BusError, BusUnavailable, Unusable
from services.bus.inventory import SYNC_ADVICE
from services.gateway.http.connections.tls import Certificate
from services.launcher.data_directory import DataDirectory, start_time
from services.launcher.disk_watch import Disks, DiskWatch
from services.launcher.errors import CannotStart
from services.launcher.forking import Template
from services.launcher.nats_server import free_port, is_free, nats_program, nats_store
from services.launcher.supervised_process import ProcessSpec, SupervisedProcess
from services.process import log

_log = log.get("launcher")

# The order of stopping: nothing new comes in, what came in is worked off and saved, alerts are handed on, NATS last.
_STOPPED_FIRST_TO_LAST = ("gateway", "engine", "recorder", "alerting", "nats")

_OF_A_GIVEN_NATS = (
    "credentials_file",
    "nkey_file",
    "token",
    "token_file",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "domain",
    "api_prefix",
)

_ENGINE_STOP = 9.0  # seconds: the states of thousands of tasks are saved and brought to the bus

Programs = Callable[[Config, dict[str, str]], list[ProcessSpec]]


class Launcher:
    """The processes of one ``tickbus serve``.

    ``programs`` makes the list of services from the configuration and the environment that tells them what only the
    launcher knows: the bus, the address, what the command line said. What runs under which process id stands in
    ``state.json`` of the data directory.
    """

    def __init__(self, config: Config, programs: Programs, template: Template | None = None) -> None:
        """template: what services are forked off, where they are."""
        self.config = config
        self.http_address = _concrete(config.http.bind_address)
        self._programs, self._template = programs, template
        self._directory: DataDirectory | None = None
        self._running: dict[str, SupervisedProcess] = {}
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
            _check_own(self.config.nats)
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
            log.hide("nats", [unquote(urlsplit(self._nats_url).password or "")])
            await self._start(program)
            await self._apply()
            environment["KAPACITOR_NATS_STORE_DIR"] = str(store)
        else:
            _log.info(SYNC_ADVICE)
            await self._prepare()
        environment |= {
            "KAPACITOR_NATS_URL": self._nats_url,
            "KAPACITOR_HTTP_BIND_ADDRESS": self.http_address,
            "KAPACITOR_DATA_DIR": str(self.config.data_dir),
            # Their standard output says that they are ready; what they log to STDOUT goes by their standard error.
            "KAPACITOR_LOGGING_FILE": "STDERR" if self.config.logging.file == "STDOUT" else self.config.logging.file,
            "KAPACITOR_LOGGING_LEVEL": self.config.logging.level,
            "KAPACITOR_SECURITY_DISABLE_HANDLERS": json.dumps(self.config.security.disable_handlers),
            "KAPACITOR_SECURITY_BLACKLIST_CIDRS": json.dumps(self.config.security.blacklist_cidrs),
        }
        await asyncio.gather(*map(self._start, self._programs(self.config, environment)))

    async def _apply(self) -> None:
        """Have our own NATS keep everything as is wanted: nobody else has set anything there."""
        try:
            async with await Bus.of(self.config.nats, "serve", url=self._nats_url) as bus:
                async for change in bus.apply(wishes_of(self.config.nats)):
                    _log.info("changed what is kept", name=change.name, setting=change.setting, to=change.wanted)
        except BusError as error:
            _log.warn("what is kept stays as it is", err=error)

    async def _prepare(self) -> None:
        """See that the given NATS can be used, before anything is started. Raises CannotStart."""
        try:
            async with await Bus.of(self.config.nats, "serve") as bus:
                try:
                    await bus.prepare(wishes_of(self.config.nats))
                except Unusable:
                    raise
                except (BusUnavailable, ApiError) as error:
                    _log.warn("NATS does not store yet, the services wait for it", err=error)
        except BusError as error:
            raise CannotStart(str(error)) from error

    def hang_up(self) -> None:
        """Have what is read from files read anew, and log files opened again: our services are passed on SIGHUP."""
        log.reopen()
        for service in self._running.values():
            if service.program.ours:
                service.hang_up()

    async def stop(self) -> None:
        """Stop everything, in order; each service has its own time before it is killed, some seconds in all."""
        if self._watching is not None:
            self._watching.cancel()
        for kind in _STOPPED_FIRST_TO_LAST:
            await asyncio.gather(*(one.stop() for name, one in self._running.items() if name.split("-")[0] == kind))
        if self._directory is not None:
            self._directory.close()
            self._directory = None

    async def _start(self, program: ProcessSpec) -> None:
        to_stdout = program.ours and self.config.logging.file == "STDOUT"
        supervised = SupervisedProcess(
            replace(program, logs_to_stdout=to_stdout), self._write_state, self._disks.full, self._template
        )
        self._running[program.name] = supervised
        await supervised.start()

    async def _restart_nats(self) -> bool:
        return await self._running["nats"].restart()

    def _write_state(self) -> None:
        if self._directory is None:
            return
        services: dict[str, Any] = {
            name: {"pid": one.pid, "started": start_time(one.pid) if one.pid else None, "restarts": one.restarts}
            for name, one in self._running.items()
        }
        try:
            self._directory.write_state(
                {"pid": os.getpid(), "http": self.http_url, "nats": self._nats_url, "services": services}
            )
        except OSError as error:
            _log.error("state.json cannot be written", err=str(error))


def _check_own(nats: Nats) -> None:
    """Raises CannotStart where something is set that only a NATS that is given has."""
    for key in _OF_A_GIVEN_NATS:
        if getattr(nats, key):
            raise CannotStart(f"{key.replace('_', '-')} in [nats] is of a NATS that is given, and url names none")


def service_programs(config_file: Path | None) -> Programs:
    """The services of tickbus as programs: ``python -m services.cli NAME`` for each."""

    def programs(config: Config, environment: dict[str, str]) -> list[ProcessSpec]:
        count = worker_count(config)
        engine_environment = {**environment, "KAPACITOR_ENGINE_WORKERS": str(count)}
        engines = [f"engine-{number}" for number in range(count)]
        gateways = [
            _service(name, {**environment, **own}, config_file, config.http.shutdown_timeout + 1.0)
            for name, own in _gateways(config)
        ]
        specs = [
            gateways[0],
            _service("alerting", environment, config_file, 2.0),
            _service("recorder", environment, config_file, 2.0),
            *(
                _service(name, {**engine_environment, "KAPACITOR_ENGINE_ID": name}, config_file, _ENGINE_STOP)
                for name in engines
            ),
            *gateways[1:],
        ]
        return [_on_own_port(spec, config.service.health_address, number) for number, spec in enumerate(specs)]

    return programs


def _gateways(config: Config) -> Iterator[tuple[str, dict[str, str]]]:
    """Their names, and what each is told beside what all are: those that the first one lets share its address have
    data directories of their own in the one of all."""
    yield "gateway", {}
    for number in range(1, config.http.processes):
        name = f"gateway-{number}"
        directory = str(config.data_dir / name)
        yield name, {"KAPACITOR_HTTP_PROCESS": str(number), "KAPACITOR_DATA_DIR": directory}


def worker_count(config: Config) -> int:
    """How many engine workers ``serve`` starts."""
    return config.engine.workers or min(4, max(1, (os.cpu_count() or 1) // 2))


def _service(name: str, environment: dict[str, str], config_file: Path | None, stop_within: float = 3.0) -> ProcessSpec:
    kind = name.split("-")[0]
    arguments = (kind,) if config_file is None else (kind, "--config", str(config_file))
    return ProcessSpec(
        name=name,
        # -P: a folder called services in the user's current directory must not be taken for ours.
        command=[sys.executable, "-P", "-m", "services.cli", *arguments],
        arguments=arguments,
        environment=environment,
        ready=re.compile(rf"^tickbus {kind} ready"),
        stop_within=stop_within,
    )


def _on_own_port(spec: ProcessSpec, address: str, number: int) -> ProcessSpec:
    """The service of this number with an address of its own for its health: the port counts up, unless it is 0."""
    if not address:
        return spec
    host, _, port = address.rpartition(":")
    own = f"{host}:{int(port) + number if int(port) else 0}"
    return replace(spec, environment={**spec.environment, "KAPACITOR_SERVICE_HEALTH_ADDRESS": own})


def _concrete(address: str) -> str:
    """The address with a port of its own where it asks for any (port 0): all services are told the same one."""
    host, _, port = address.rpartition(":")
    return address if int(port) else f"{host}:{free_port(host.strip('[]'))}"
