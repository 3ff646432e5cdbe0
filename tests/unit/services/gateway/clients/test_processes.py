"""Which processes there are, as the gateway knows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

import orjson
import pytest

from schemas.requests.process import HERE, LOGS, PROCESS_HERE
from services.bus.connection import Bus
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.gateway.clients import processes as module
from services.gateway.clients.processes import Processes
from services.gateway.operations.operation_error import OperationError
from tests.support.nats import NatsServer


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as connection:
        yield connection


def begin(bus: Bus, id: str, late: float = 0.0) -> Responder:
    """A worker's process, which takes so many seconds to answer."""
    me = orjson.dumps({"id": id, "service": "engine", "host": "h", "pid": 1})

    async def here(data: bytes, headers: Mapping[str, str]) -> bytes:
        await asyncio.sleep(late)
        return me

    answering = bus.answer(request_subject("process", "here"), here)
    bus.broadcast(HERE, me)
    return answering


async def until(processes: Processes, count: int) -> None:
    async with asyncio.timeout(10):
        while processes.count("engine") != count:
            await asyncio.sleep(0.01)


async def test_who_was_killed_is_not_counted_once_it_is_looked_for(bus: Bus) -> None:
    async with Processes(bus) as processes:
        await processes.request_all(PROCESS_HERE)
        former, present = begin(bus, "one-1"), begin(bus, "two-1")
        await until(processes, 2)
        former.stop()
        again = begin(bus, "one-2")
        await until(processes, 3)
        await processes.look("engine")
        assert processes.count("engine") == 2
        before = time.monotonic()
        await processes.look("engine")
        assert time.monotonic() - before < 0.9, "nobody is missed, and so nobody is waited for"
        for one in (present, again):
            one.stop()


async def test_who_is_busy_is_waited_for(bus: Bus) -> None:
    async with Processes(bus) as processes:
        await processes.request_all(PROCESS_HERE)
        busy = begin(bus, "one-1", late=0.5)
        await until(processes, 1)
        await processes.look("engine")
        assert processes.count("engine") == 1
        busy.stop()


async def test_a_session_goes_on_when_nats_was_away(
    bus: Bus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LISTEN_SECONDS", 0.3)
    asked = asyncio.Event()

    async def listen(data: bytes, headers: Mapping[str, str]) -> bytes:
        asked.set()
        return b"{}"

    async with Processes(bus) as processes:
        answering = bus.answer(request_subject("process", "listen"), listen)
        with processes.session() as session:
            async with asyncio.timeout(20):
                await asked.wait()
                await asyncio.to_thread(nats_server.stop)
                asked.clear()
                with pytest.raises(OperationError):
                    while True:
                        await processes.request_all(PROCESS_HERE)
                await asyncio.to_thread(nats_server.start)
                await asked.wait()
                bus.broadcast(LOGS.replace(">", "engine"), b"lvl=info msg=again")
                lines, _ = await session.next()
        assert lines.texts == ["lvl=info msg=again"]
        answering.stop()


async def test_a_session_that_begins_when_the_last_one_has_just_ended_hears(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LISTEN_SECONDS", 0.3)
    asked: asyncio.Queue[float] = asyncio.Queue()

    async with Processes(bus) as processes, contextlib.AsyncExitStack() as later:

        async def listen(data: bytes, headers: Mapping[str, str]) -> bytes:
            seconds = orjson.loads(data)["seconds"]
            if not seconds:
                later.enter_context(processes.session())
            asked.put_nowait(seconds)
            return b"{}"

        answering = bus.answer(request_subject("process", "listen"), listen)
        async with asyncio.timeout(20):
            with processes.session():
                assert await asked.get() == 0.3
            while await asked.get():
                pass
            assert await asked.get() == 0.3
        answering.stop()
