"""A real InfluxDB 1.x for tests, where one is installed."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port

BINARY = shutil.which("influxd")

_CONFIG = """
reporting-enabled = false
bind-address = "127.0.0.1:0"
[meta]
dir = "{dir}/meta"
logging-enabled = false
[data]
dir = "{dir}/data"
wal-dir = "{dir}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
auth-enabled = {auth}
shared-secret = "{secret}"
[logging]
level = "error"
"""


class Influxd:
    """An InfluxDB in a directory of its own; stopped and started again it has the same data and port."""

    def __init__(self, directory: Path, auth: bool = False, port: int = 0, secret: str = "") -> None:
        """port: 0 for a free one. secret: of JSON Web Tokens that log in."""
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = directory / "influxdb.conf"
        self._config.write_text(_CONFIG.format(dir=directory, port=self.port, auth=str(auth).lower(), secret=secret))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        assert BINARY is not None
        command = [BINARY, "-config", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, "influxd does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series that the first statement gives."""
        response = httpx.post(f"{self.url}/query", params={"q": text, "epoch": "ns"}, timeout=10)
        result = response.json()["results"][0]
        assert "error" not in result, result
        found: list[dict[str, Any]] = result.get("series", [])
        return found

    def rows(self, text: str) -> list[dict[str, Any]]:
        """The rows of all series, nulls left out."""
        return [
            {name: value for name, value in zip(series["columns"], row, strict=True) if value is not None}
            for series in self.query(text)
            for row in series["values"]
        ]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ping", timeout=1).status_code == 204
        except httpx.HTTPError:
            return False


@contextmanager
def influxd(directory: Path, auth: bool = False, port: int = 0, secret: str = "") -> Iterator[Influxd]:
    """One that runs."""
    server = Influxd(directory, auth, port, secret)
    server.start()
    try:
        yield server
    finally:
        server.stop()
