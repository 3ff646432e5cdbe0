"""What the launcher does to a NATS before it starts the services: its own it changes, a given one it looks at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.config import Config, Http
from schemas.config.nats import Nats
from services.bus.connection import Bus
from services.launcher.errors import CannotStart
from services.launcher.launcher import Launcher
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]


@asynccontextmanager
async def launched(data_dir: Path, **nats: Any) -> AsyncIterator[Launcher]:
    """A launcher without services."""
    config = Config(data_dir=data_dir, http=Http(bind_address="127.0.0.1:0"), nats=Nats(**nats))
    launcher = Launcher(config, lambda config, environment: [])
    try:
        await launcher.start()
        yield launcher
    finally:
        await launcher.stop()


async def max_age(bus: Bus) -> float:
    return next(one.max_age for one in await bus.listed() if one.name == "WRITES")


async def test_our_own_is_changed_at_the_start(tmp_path: Path) -> None:
    async with launched(tmp_path) as launcher, await Bus.connect(launcher.nats_url, "test") as bus:
        await bus.ensure_streams()
        assert await max_age(bus) == 0
    async with (
        launched(tmp_path, write_max_age=3600.0) as launcher,
        await Bus.connect(launcher.nats_url, "test") as bus,
    ):
        assert await max_age(bus) == 3600


async def test_a_given_one_stays_as_it_is(nats_server: NatsServer, tmp_path: Path) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        async with launched(tmp_path, url=nats_server.url, write_max_age=60.0):
            assert await max_age(bus) == 60  # made
        async with launched(tmp_path, url=nats_server.url, write_max_age=3600.0):
            assert await max_age(bus) == 60


async def test_what_is_wrong_with_a_given_one_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot connect to NATS"):
        async with launched(tmp_path, url="nats://127.0.0.1:1", password_file=str(tmp_path / "none"), username="u"):
            pass


@pytest.mark.parametrize(("key", "said"), [("credentials_file", "credentials-file"), ("domain", "domain")])
async def test_what_only_a_given_one_has_is_refused_without_one(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(CannotStart, match=f"{said} in .nats. is of a NATS that is given, and url names none"):
        async with launched(tmp_path, **{key: "x"}):
            pass
