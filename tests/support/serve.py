"""`tickbus serve` as a process, for tests that only need its address."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 15

_READY = re.compile(r"^tickbus ready on (\S+)", re.MULTILINE)


@contextlib.contextmanager
def serve(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Start it with an empty store, its data (`data`) and log in this folder; gives its URL. settings: KAPACITOR_…"""
    address = f"127.0.0.1:{free_port()}"
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
    environment = {**os.environ, **settings}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        yield _url(process, folder / "log")
    finally:
        _stop(process)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """What it says that it is ready on."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        ready = _READY.search(log.read_text(errors="replace"))
        if ready is not None:
            return ready[1]
        time.sleep(0.05)
    pytest.fail(f"tickbus serve does not come up:\n{log.read_text(errors='replace')[-4000:]}", pytrace=False)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
