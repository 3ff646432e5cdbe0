"""``tickbus demo``: the whole service on this host's own figures, its alerts printed as they fire."""

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import secrets
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import httpx
import psutil

from schemas.config import Config, Http
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.cli.bus_command import ask_gateway
from services.cli.commands.services.serve import serve
from services.cli.composition import forked_services
from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.options import Settings, takes_settings
from services.launcher.errors import CannotStart
from services.launcher.forking import Template
from services.launcher.launcher import Launcher, service_programs
from services.launcher.nats_server import is_free
from services.process import log

_DATABASE, _POLICY = "telegraf", "autogen"
_TASK = "demo"
_USER, _PERMISSIONS = "tickbus-demo", ["api", "write_points"]
_CALM, _BUSY = 16.0, 5.0
_FIRST_CALM = 0.25

_SCRIPT = """\
// How much of one core each process takes, averaged over three seconds.
var process = stream
    |from()
        .measurement('procstat')
        .groupBy('process')
    |window()
        .period(3s)
        .every(1s)
    |mean('cpu_usage')
        .as('busy')

process
    |alert()
        .id('{{ index .Tags "process" }}')
        .message('{{ .ID }} takes {{ index .Fields "busy" | printf "%.0f" }} % of a core')
        .warn(lambda: "busy" > 25.0)
        .crit(lambda: "busy" > 60.0)
        .stateChangesOnly()
        .post('@sink@')

process
    |httpOut('process')

// How much of the whole host is in use.
var host = stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |eval(lambda: 100.0 - "usage_idle")
        .as('used')

host
    |alert()
        .id('{{ index .Tags "host" }}')
        .message('{{ .ID }} uses {{ index .Fields "used" | printf "%.0f" }} % of its processors')
        .warn(lambda: "used" > 80.0)
        .crit(lambda: "used" > 95.0)
        .stateChangesOnly()
        .post('@sink@')

host
    |httpOut('host')
"""


@click.command(cls=Command)
@takes_settings("http", "data-dir", "workers", "nats")
@click.option("--seconds", type=float, metavar="N", help="End after N seconds.")
def command(settings: Settings, seconds: float | None) -> int:
    # The alerts are what is to be seen.
    temporary = "data_dir" not in settings.given
    with forked_services() as template:
        return demo(settings.quiet, settings.file, temporary=temporary, seconds=seconds, template=template)


def demo(
    config: Config,
    config_file: Path | None,
    *,
    temporary: bool,
    seconds: float | None,
    template: Template | None = None,
) -> int:
    """Serve, feed and show until a signal or for so many seconds; the exit code.

    ``temporary`` keeps the data in a directory that is removed at the end. Where the port is taken, the next free
    one serves. ``template`` is what services are forked off, if anything.
    """
    with tempfile.TemporaryDirectory(prefix="tickbus-demo-") if temporary else contextlib.nullcontext() as directory:
        data_dir = Path(directory) if directory else config.data_dir
        http = dataclasses.replace(config.http, bind_address=_next_free(config.http.bind_address))
        config = dataclasses.replace(config, data_dir=data_dir, http=http)

        async def show(launcher: Launcher, stop: asyncio.Event) -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds), _user(launcher) as user:
                    await _show(launcher, user, stop)
            print("demo ends", flush=True)

        return serve(config, service_programs(config_file), show, template)


@contextlib.asynccontextmanager
async def _user(launcher: Launcher) -> AsyncIterator[tuple[str, str] | None]:
    """Name and password of a user that is there meanwhile; None where the API asks for none."""
    if not launcher.config.http.auth_enabled:
        yield None
        return
    async with await Bus.of(launcher.config.nats, "demo", url=launcher.nats_url) as bus:
        password = secrets.token_urlsafe(12)
        made = {"name": _USER, "password": password, "permissions": _PERMISSIONS}
        try:
            await ask_gateway(bus, "tickbus demo", "user", "delete", {"id": _USER})
            await ask_gateway(bus, "tickbus demo", "user", "create", made)
        except (CommandFailed, BusError) as error:
            raise CannotStart(f"the demo's user was refused: {error}") from error
        try:
            yield _USER, password
        finally:
            with contextlib.suppress(CommandFailed, BusError):
                await ask_gateway(bus, "tickbus demo", "user", "delete", {"id": _USER})


def _trusted(http: Http) -> ssl.SSLContext | bool:
    """What to trust of the API on this machine: its own certificate, whoever has signed it and whatever its name."""
    if not http.https_enabled:
        return True
    context = ssl.create_default_context(cafile=http.https_certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def _show(launcher: Launcher, user: tuple[str, str] | None, stop: asyncio.Event) -> None:
    url, http = launcher.http_url, launcher.config.http
    with _alert_sink() as sink, _bursts():
        async with httpx.AsyncClient(base_url=url, timeout=5.0, auth=user, verify=_trusted(http)) as client:
            await _define_task(client, _SCRIPT.replace("@sink@", sink))
            log_in = f"  the API asks who you are: user {user[0]}, password {user[1]}\n" if user else ""
            print(
                f"tickbus demo on {url}, data in {launcher.config.data_dir}; Ctrl-C ends it\n{log_in}"
                f"  this host's CPU and memory are written every second; a task watches them:\n"
                f"    {url}/kapacitor/v1/tasks/{_TASK}          the task, its script and statistics\n"
                f"    {url}/kapacitor/v1/tasks/{_TASK}/host     what it says of this host now\n"
                f"    {url}/kapacitor/v1/tasks/{_TASK}/process  and of this process\n"
                f"  now and then the demo keeps one core busy for {_BUSY:.0f} seconds, to have something to alert on:",
                flush=True,
            )
            await _feed(client, stop)


async def _define_task(client: httpx.AsyncClient, script: str) -> None:
    await client.delete(f"/kapacitor/v1/tasks/{_TASK}")
    task = {
        "id": _TASK,
        "type": "stream",
        "dbrps": [{"db": _DATABASE, "rp": _POLICY}],
        "script": script,
        "status": "enabled",
    }
    answer = await client.post("/kapacitor/v1/tasks", json=task)
    if answer.status_code != 200:
        raise CannotStart(f"the demo's task was refused: {answer.status_code} {answer.text.strip()}")


async def _feed(client: httpx.AsyncClient, stop: asyncio.Event) -> None:
    """Write this host's figures every second until ``stop`` is set."""
    host = socket.gethostname().replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=") or "localhost"
    this = psutil.Process()
    parameters = {"db": _DATABASE, "rp": _POLICY, "precision": "ns"}
    # The first figures since the last call are without meaning.
    _lines(host, this)
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await stop.wait()
            return
        try:
            answer = await client.post("/kapacitor/v1/write", params=parameters, content=_lines(host, this))
            problem = "" if answer.status_code == 204 else f"{answer.status_code} {answer.text.strip()}"
        except httpx.HTTPError as error:
            problem = repr(error)
        if problem:
            log.get("demo").warn("figures were not written", err=problem)


def _lines(host: str, this: psutil.Process) -> str:
    now = time.time_ns()
    cpu, memory = psutil.cpu_times_percent(), psutil.virtual_memory()
    return (
        f"cpu,cpu=cpu-total,host={host} usage_user={cpu.user},usage_system={cpu.system},usage_idle={cpu.idle} {now}\n"
        f"mem,host={host} used_percent={memory.percent},available={memory.available}i,total={memory.total}i {now}\n"
        f"procstat,host={host},process=tickbus-demo cpu_usage={this.cpu_percent()} {now}\n"
    )


@contextlib.contextmanager
def _bursts() -> Iterator[None]:
    """Meanwhile keep one core busy for a few seconds now and then."""
    ended = threading.Event()
    block = bytes(1 << 20)

    def burst() -> None:
        calm = _FIRST_CALM
        while not ended.wait(calm):
            until, calm = time.monotonic() + _BUSY, _CALM
            # Hashing lets go of the interpreter's lock, so that the feeding goes on beside it.
            while time.monotonic() < until and not ended.is_set():
                hashlib.sha256(block)

    thread = threading.Thread(target=burst, name="bursts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Sink(BaseHTTPRequestHandler):
    """Prints every alert that is posted to it."""

    def do_POST(self) -> None:
        alert = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        print(f"{time.strftime('%H:%M:%S')}  {alert['level']:<8}  {alert['message']}", flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The alert is what is printed; the request is not."""


@contextlib.contextmanager
def _alert_sink() -> Iterator[str]:
    """A listener on loopback for the task's alerts; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="alerts", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _next_free(address: str) -> str:
    host, _, port = address.rpartition(":")
    return next(f"{host}:{one}" for one in range(int(port), 65536) if one == 0 or is_free(host.strip("[]"), one))
