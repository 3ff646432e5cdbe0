"""How a service_process begins: again where NATS does not store yet, and not at all where it is to stop meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from schemas.config import Config
from schemas.config.nats import Nats
from services.bus.connection import Bus
from services.bus.errors import ApiError, BusUnavailable, Foreign, NotPermitted, WrongSequence
from services.cli import service_process
from services.cli.diagnostics.post_mortem import Before
from services.process.vitals import Vitals
from tests.support.nats import NatsServer

Ready = Callable[[], None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_process, "_STORING_PAUSE", 0.01)


async def begin(main: service_process.Main, name: str = "gateway", stop: asyncio.Event | None = None) -> list[str]:
    said: list[str] = []
    async with asyncio.timeout(10):
        await service_process._begin(name, main, Config(), lambda: said.append("ready"), stop or asyncio.Event())
    return said


async def test_it_begins_again_until_nats_stores() -> None:
    errors: list[Exception] = [BusUnavailable("no leader"), ApiError(503, 10008, "not available")]

    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        if errors:
            raise errors.pop()
        ready()

    assert await begin(main) == ["ready"]
    assert not errors


@pytest.mark.parametrize(
    "error", [ApiError(400, 10052, "bad"), WrongSequence("other"), NotPermitted("x"), ValueError("x")]
)
async def test_what_does_not_pass_is_not_tried_again(error: Exception) -> None:
    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        raise error

    with pytest.raises(type(error)):
        await begin(main)


async def test_who_has_served_does_not_begin_again() -> None:
    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        ready()
        raise BusUnavailable("gone")

    with pytest.raises(BusUnavailable):
        await begin(main)


async def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_process, "_STORING_SECONDS", 0.05)

    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        raise BusUnavailable("no leader")

    with pytest.raises(BusUnavailable):
        await begin(main)


async def test_one_that_is_to_stop_while_it_starts_is_cancelled() -> None:
    stop, closed = asyncio.Event(), False

    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        nonlocal closed
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            closed = True

    assert await begin(main, stop=stop) == [] and closed


async def test_a_worker_saves_what_it_has_begun_with() -> None:
    saved = False

    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        nonlocal saved
        stop.set()
        await stop.wait()
        await asyncio.sleep(0.05)
        saved = True

    assert await begin(main, "engine") == [] and saved


async def test_a_service_alone_makes_nothing_beside_a_stream_that_is_somebody_elses(nats_server: NatsServer) -> None:
    config = Config(nats=Nats(url=nats_server.url))

    async def main(config: Config, ready: Ready, stop: asyncio.Event) -> None:
        raise AssertionError("it was started")

    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus._link.api("STREAM.CREATE.ALERTS", {"name": "ALERTS", "subjects": ["theirs"]})
        with pytest.raises(Foreign, match="the stream ALERTS"):
            await service_process._with_agent("gateway", main, Before(None, False), Vitals("gateway"))(
                config, lambda: None, asyncio.Event()
            )
        assert (await bus._link.api("STREAM.NAMES", {}))["streams"] == ["ALERTS"]
