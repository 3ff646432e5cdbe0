"""What holds fast tests to being fast."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import pytest

from tests.support import fast


def test_a_process_and_a_connection_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(fast, "_watched", done)
    subprocess.run([sys.executable, "-c", ""], check=True)
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", 1), 1)
    assert [one.partition("(")[0] for one in done if "addrinfo" not in one] == ["subprocess.Popen", "socket.connect"]


def test_what_is_called_slow_is_there() -> None:
    assert [path for path in fast.SLOW if not (fast.UNIT / path).exists()] == []


def test_a_file_says_that_it_serves() -> None:
    assert fast.SERVES.search("import socket\n") and fast.SERVES.search("await asyncio.start_server(serve)")
    assert not fast.SERVES.search("a = 'import socket'\n")
