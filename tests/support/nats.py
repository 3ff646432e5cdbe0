"""A real nats-server with JetStream on a free loopback port, for tests.

`nats_server` is a fixture of one server per test module with an empty store; `NatsServer` starts, stops, kills and
restarts one by hand. A test folder uses the fixture by importing it in its conftest.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

MAX_PAYLOAD = 8 << 20


class NatsServer:
    """One nats-server process; its port and its store stay the same over restarts."""

    def __init__(
        self,
        directory: Path,
        max_payload: int = MAX_PAYLOAD,
        user: str = "",
        password: str = "",
        more: dict[str, Any] | None = None,
    ) -> None:
        """more: further settings, as the configuration file has them."""
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        config: dict[str, Any] = {
            "listen": f"127.0.0.1:{self.port}",
            "max_payload": max_payload,
            "jetstream": {"store_dir": str(directory / "jetstream")},
        }
        if user:
            config["authorization"] = {"user": user, "password": password}
        config |= more or {}
        directory.mkdir(parents=True, exist_ok=True)
        self._config = directory / "nats.conf"
        self._config.write_text(json.dumps(config))

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self.directory / "nats.log").open("ab") as output:
            self._process = subprocess.Popen(
                [nats_binary(), "-c", str(self._config)], stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    if connection.recv(4) == b"INFO":
                        return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"nats-server does not start: {(self.directory / 'nats.log').read_text()[-2000:]}")

    def stop(self, kill: bool = False) -> None:
        """End it, or kill -9 it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait(20)
            self._process = None

    async def restart(self, kill: bool = False, pause: float = 0.0) -> None:
        """Stop, wait `pause` seconds, start; the event loop of the test goes on meanwhile."""
        await asyncio.to_thread(self.stop, kill)
        await asyncio.sleep(pause)
        await asyncio.to_thread(self.start)

    def freeze(self) -> None:
        """Let it hang (SIGSTOP) until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)
        # the signal may take a moment to reach a server that is running on another processor
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def nats_binary() -> str:
    """The nats-server that stands beside this Python, else the one on the PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise RuntimeError("no nats-server found")
    return found


@pytest.fixture(scope="module")
def nats_server() -> Iterator[NatsServer]:
    """A running server, one per test module."""
    with tempfile.TemporaryDirectory(prefix="tickbus-nats-") as directory:
        server = NatsServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()
