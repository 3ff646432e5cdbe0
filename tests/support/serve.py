"""`tickbus serve` as a process, for tests that only need its address."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 15


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Start it with an empty store, its data and log in this folder; gives its URL."""
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
        yield f"http://{address}"
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
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
