"""Commands against a gateway that runs, with a stand-in for the engine worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from services.cli.main import main
from tests.unit.services.gateway.conftest import StartGateway, bus, gateway, nats_server, start_gateway, worker

__all__ = ["StartGateway", "bus", "gateway", "nats_server", "start_gateway", "worker"]

Tickbus = Callable[..., Awaitable[tuple[int, str, str]]]
"""tickbus(*arguments): a command's exit code, and what it says on standard output and error."""


@pytest.fixture
async def tickbus(
    gateway: httpx.AsyncClient,
    worker: object,
    alone: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncIterator[Tickbus]:
    """Runs commands in a directory of their own, on a server that the environment names."""
    monkeypatch.setenv("KAPACITOR_URL", str(gateway.base_url))
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
