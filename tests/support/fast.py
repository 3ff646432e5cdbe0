"""Which tests are `fast`, and what holds them to it: they start no process and open no connection.

A test of tests/unit is fast unless it uses a fixture that serves something, or its module names what does. Who serves
without naming it is caught: an audit hook sees what Python itself does.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

UNIT = Path(__file__).parents[1] / "unit"

SERVERS = frozenset({"nats_server", "sink"})
"""Fixtures that serve something; others that do are made of these, or stand in a module that says so."""

SERVES = re.compile(
    r"^(from|import) (http\.server|multiprocessing|socket|socketserver|subprocess)\b"
    r"|tests\.support\.(clusters|influx2?|mail|nats|nats_cluster|old_kapacitor|serve|udf)\b"
    r"|^from tests\.support\.alerts import .*\bsink\b"
    r"|\b(start_server|start_unix_server|create_server|create_subprocess_\w+)\b",
    re.MULTILINE,
)
"""How a module of tests says that it starts a process, or serves something."""

SLOW = (
    "compose",
    "services/alerting/handlers/test_goldens.py",
    "services/alerting/transports/test_command.py",
    "services/cli",
    "services/connectors/test_configured.py",
    "services/gateway/http/test_crowded.py",
    "services/gateway/http/writing/test_compiled_check.py",
    "services/launcher",
    "services/process/test_child_environment.py",
    "services/process/test_listening.py",
    "services/runtime/building/test_compiling.py",
    "services/gateway/readmodels/scripts/test_scripts.py",
)
"""Folders and files of tests/unit whose tests start or serve something by the services' own code alone."""

BEYOND = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}) | {
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
}
"""What the audit hook is told of, and a fast test does not do. An event loop's own pair of sockets is none of it."""

_watched: list[str] | None = None  # what the fast test that runs has done of it
_others: frozenset[int] = frozenset()  # threads that tests before it have left behind


def declare(config: pytest.Config) -> None:
    """Make the marker known, and begin to watch."""
    config.addinivalue_line("markers", "fast: starts no process and opens no connection; set by tests/support/fast.py")
    sys.addaudithook(_seen)


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests that are fast."""
    for item in items:
        if _is_fast(item):
            item.add_marker("fast")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only fast tests are asked for, files that have none are not even imported."""
    if config.getoption("markexpr") != "fast" or not collection_path.name.startswith("test_"):
        return None
    return not _may_be_fast(collection_path) or None


@pytest.fixture(autouse=True)
def only_itself(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fast test fails where it starts a process or opens a connection, be it that somebody caught the error."""
    global _watched, _others
    if request.node.get_closest_marker("fast") is None:
        yield
        return
    _watched, _others = [], frozenset(thread.ident or 0 for thread in threading.enumerate()) - {threading.get_ident()}
    try:
        yield
        done = _watched
    finally:
        _watched = None
    assert not done, f"a fast test does not do this, or its file stands in SLOW of {__file__}: {done}"


def _seen(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and event in BEYOND and threading.get_ident() not in _others:
        _watched.append(f"{event}{arguments!r:.200}")


def _is_fast(item: pytest.Item) -> bool:
    if not _may_be_fast(item.path):
        return False
    assert isinstance(item, pytest.Function)
    return SERVERS.isdisjoint(item.fixturenames)


@functools.cache
def _may_be_fast(path: Path) -> bool:
    """Whether a file may have fast tests: it is of tests/unit, not in SLOW, and does not name what serves."""
    if not path.is_relative_to(UNIT) or any(path.is_relative_to(UNIT / slow) for slow in SLOW):
        return False
    return SERVES.search(path.read_text("utf-8")) is None
