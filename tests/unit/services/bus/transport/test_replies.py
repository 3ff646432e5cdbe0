"""Questions and answers over a real server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping

import pytest

from services.bus.connection import Bus
from services.bus.errors import BusTimeout, NobodyThere, RequestFailed
from tests.support.nats import NatsServer


async def test_an_answer_comes_back(bus: Bus) -> None:
    async def double(data: bytes, headers: Mapping[str, str]) -> bytes:
        return data * 2 + headers.get("More", "").encode()

    answering = bus.answer("tickbus.ask.test.double", double)
    assert await bus.request("tickbus.ask.test.double", b"ab", headers={"More": "c"}) == b"ababc"
    answering.stop()
    with pytest.raises(NobodyThere):
        await bus.request("tickbus.ask.test.double", b"ab")


async def test_nobody_there_is_known_at_once(bus: Bus) -> None:
    start = time.monotonic()
    with pytest.raises(NobodyThere):
        await bus.request("tickbus.ask.test.nobody", b"", timeout=20)
    assert await bus.request_all("tickbus.ask.test.nobody", b"", timeout=20) == []
    assert time.monotonic() - start < 10


async def test_who_does_not_answer_times_out(bus: Bus) -> None:
    async def never(data: bytes, headers: Mapping[str, str]) -> bytes:
        await asyncio.sleep(3600)
        return b""

    bus.answer("tickbus.ask.test.never", never)
    with pytest.raises(BusTimeout):
        await bus.request("tickbus.ask.test.never", b"", timeout=0.1)


async def test_a_failing_handler_says_why(bus: Bus) -> None:
    async def fail(data: bytes, headers: Mapping[str, str]) -> bytes:
        raise ValueError("bad\r\nthing")

    bus.answer("tickbus.ask.test.fail", fail)
    with pytest.raises(RequestFailed, match="ValueError: bad thing"):
        await bus.request("tickbus.ask.test.fail", b"")


@pytest.mark.parametrize("make", [os.urandom, bytes], ids=["random", "compressible"])
async def test_question_and_answer_over_max_payload(bus: Bus, make: type[bytes]) -> None:
    size = 3 * bus.max_payload + 17
    big = make(size)

    async def answer(data: bytes, headers: Mapping[str, str]) -> bytes:
        assert len(data) == size
        return big

    bus.answer("tickbus.ask.test.big", answer)
    assert await bus.request("tickbus.ask.test.big", bytes(size), timeout=20) == big
    assert await bus.request_all("tickbus.ask.test.big", bytes(size), expected=1, timeout=20) == [big]


async def test_everyone_answers_or_one_of_a_queue(bus: Bus, nats_server: NatsServer) -> None:
    other = await Bus.connect(nats_server.url)

    def replying(word: bytes):  # type: ignore[no-untyped-def]
        async def reply(data: bytes, headers: Mapping[str, str]) -> bytes:
            return word

        return reply

    for number, each in enumerate((bus, other)):
        each.answer("tickbus.ask.test.all", replying(b"%d" % number))
        each.answer("tickbus.ask.test.one", replying(b"%d" % number), queue="workers")
    await other.request("tickbus.ask.test.all", b"")
    assert sorted(await bus.request_all("tickbus.ask.test.all", b"", expected=2)) == [b"0", b"1"]
    assert len(await bus.request_all("tickbus.ask.test.one", b"", timeout=0.3)) == 1
    await other.close()
