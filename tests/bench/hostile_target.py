"""The server that the inputs of hostile.py go to, and the list that they are entered in."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

API = "/kapacitor/v1"
MEGABYTE = 1 << 20


class Target:
    """The server. folder: for files that it is made to read and write."""

    def __init__(self, url: str, folder: Path, seconds: float) -> None:
        self.folder = folder
        self._address = urllib.parse.urlsplit(url).netloc
        self._seconds = seconds
        self._defined: set[str] = set()

    def ask(self, method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None) -> str:
        """Status and the beginning of the answer, or why there was none."""
        connection = http.client.HTTPConnection(self._address, timeout=self._seconds)
        try:
            connection.request(method, path, body or None, headers or {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return f"{answer.status} {answer.read()[:300].decode('utf-8', 'replace').strip()}"
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {error!r}"
        finally:
            connection.close()

    def task(self, script: str, status: str = "enabled", id: str = "hostile", **more: Any) -> str:
        """Define a task."""
        self._defined.add(id)
        dbrps = [] if "template-id" in more else [{"db": "telegraf", "rp": "autogen"}]
        body = {"id": id, "type": "stream", "dbrps": dbrps, "script": script, "status": status, **more}
        told = self.ask("POST", f"{API}/tasks", json.dumps({k: v for k, v in body.items() if v}))
        return told if not told.startswith("200") else "200"

    def write(self, lines: str) -> str:
        """Write points."""
        return self.ask("POST", f"{API}/write?db=telegraf&rp=autogen", lines)

    def connect(self) -> socket.socket:
        """A connection of which nothing is read."""
        host, _, port = self._address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=self._seconds)

    def clear(self) -> None:
        """Delete what was defined."""
        for id in self._defined:
            self.ask("DELETE", f"{API}/tasks/{id}")
        self._defined.clear()


INPUTS: dict[str, Callable[[Target], str]] = {}


def hostile(name: str) -> Callable[[Callable[[Target], str]], Callable[[Target], str]]:
    def mark(function: Callable[[Target], str]) -> Callable[[Target], str]:
        INPUTS[name] = function
        return function

    return mark


def script(name: str, text: str, **more: Any) -> None:
    """A script that is hostile by itself."""
    INPUTS[name] = lambda target: target.task(text, **more)


FROM = "stream|from().measurement('hostile')"
AB = [{"db": "a", "rp": "b"}]
