"""What the conformance cases run against: one `tickbus serve` for the whole session, or a server named by --server."""

from __future__ import annotations

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conformance.conform import Server, Sinks, influx_up
from tests.support.influx import BINARY, influxd

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 15


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server under test, with an empty store unless --server names one."""
    running: str = request.config.getoption("--server", "")
    if running:
        yield Server(running)
        return
    folder = tmp_path_factory.mktemp("serve")
    address = f"127.0.0.1:{_free_port()}"
    command = [
        sys.executable,
        "-m",
        "services.cli.main",
        "serve",
        "--http",
        address,
        "--data-dir",
        str(folder / "data"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_up(process, address, folder / "log")
        yield Server(f"http://{address}")
    finally:
        _stop(process)


@pytest.fixture(scope="session", autouse=True)
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An InfluxDB where the cases look for one, if it is installed and nobody else is there."""
    if BINARY is None or influx_up():
        yield
        return
    with influxd(tmp_path_factory.mktemp("influxdb"), port=8086):
        yield


@pytest.fixture(scope="session")
def sinks() -> Sinks:
    """The listeners that the cases' tasks post to."""
    return Sinks()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], address: str, log: pathlib.Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            connection = http.client.HTTPConnection(address, timeout=2)
            connection.request("GET", "/kapacitor/v1/ping")
            if connection.getresponse().status == 204:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    pytest.fail(
        f"tickbus serve did not come up on {address}:\n{log.read_text(errors='replace')[-4000:]}", pytrace=False
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
