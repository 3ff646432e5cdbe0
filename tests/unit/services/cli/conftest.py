"""The commands of the command line that work on the bus of a server that runs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.cli.main import main
from services.process import log
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

Run = Callable[..., Awaitable[tuple[int, str, str]]]
"""run(*arguments, stdin=""): a command's exit code, and what it says on standard output and error."""

RunCommand = Callable[[str], Run]


class Terminal(io.StringIO):
    """A standard input that somebody sits at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not count."""
    for name in [name for name in os.environ if name.startswith("KAPACITOR_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def alone(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment of whoever runs the tests counts, nor is this process's log set up."""
    monkeypatch.setattr(log, "setup", lambda *_, **__: None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])


@pytest.fixture
def run_command(
    nats_server: NatsServer,
    alone: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> RunCommand:
    """Runs a command on a directory where a server runs, with something to read on standard input; None: a terminal."""
    (tmp_path / "state.json").write_text(json.dumps({"nats": nats_server.url}))

    def named(command: str) -> Run:
        async def run(*arguments: str, stdin: str | None = "") -> tuple[int, str, str]:
            monkeypatch.setattr("sys.stdin", Terminal() if stdin is None else io.StringIO(stdin))
            code = await asyncio.to_thread(main, [command, *arguments, "--data-dir", str(tmp_path)])
            said = capsys.readouterr()
            return code, said.out, said.err

        return run

    return named
