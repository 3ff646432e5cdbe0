"""Messages to points: what cannot be read is set aside, and what workers died of is found and set aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.streams import WRITES
from services.columns.groups.series import SeriesTable
from services.process.flight_recorder import FLIGHT_RECORDER, FatalMessage
from services.runtime.input.line_protocol_decoder import EVERYTHING, LineProtocolDecoder, Wanted
from services.runtime.input.shared_decoding import SharedDecoding
from tests.support.logs import logged, restored_log
from tests.support.nats import NatsServer, nats_server
from tests.support.packing import pack

__all__ = ["logged", "nats_server", "restored_log"]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, name="test") as connection:
        yield connection
        await connection.dead_letters.drop()


@pytest.fixture(autouse=True)
def _nothing_set_aside() -> Iterator[None]:
    yield
    FLIGHT_RECORDER.aside.clear()
    FLIGHT_RECORDER.suspected = {}


class Observed(LineProtocolDecoder):
    """Remembers which messages it was given together, and what was noted then."""

    def __init__(self) -> None:
        super().__init__(SeriesTable())
        self.given: list[list[int]] = []
        self.noted: list[tuple[int, int]] = []

    def decode(
        self,
        database: str,
        retention_policy: str,
        messages: Sequence[Any],
        wanted: Wanted = EVERYTHING,
    ) -> Any:
        self.given.append([m.seq for m in messages])
        work = FLIGHT_RECORDER.current()
        assert work is not None and work.what == {"kind": "message", "id": WRITES}
        self.noted.append((work.first, work.last))
        return super().decode(database, retention_policy, messages, wanted)


def _messages(count: int, bad: Sequence[int] = ()) -> list[StoredMessage]:
    return [
        StoredMessage(seq, "tickbus.write.db.rp", b"not a line" if seq in bad else b"m v=%d" % seq, None, seq)
        for seq in range(1, count + 1)
    ]


async def _aside(bus: Bus) -> dict[int, str]:
    async with asyncio.timeout(10):
        while not (letters := await bus.dead_letters.all()):
            await asyncio.sleep(0.02)
    return {letter.seq: letter.why for letter in letters}


async def test_what_is_no_line_protocol_is_kept(bus: Bus) -> None:
    decoder = Observed()
    decoding = SharedDecoding(bus, decoder)
    (batch,) = decoding.decode(("db", "rp"), _messages(5, bad=[3]))
    assert batch.step.seq.tolist() == [1, 2, 4, 5] and decoding.refused == 1
    assert decoder.given == [[1, 2, 3, 4, 5]] and decoder.noted == [(1, 5)] and not FLIGHT_RECORDER.active
    assert list(await _aside(bus)) == [3]


async def test_of_packed_messages_the_text_is_kept(bus: Bus) -> None:
    body, headers = pack(b"m v=1\nkkk v=2"), {"packed": "20"}
    assert body is not None
    lies = [body.replace(b"kkk", b"k k"), b"m v=1", body[:-9]]
    stored = [StoredMessage(seq, "tickbus.write.db.rp", lie, headers, seq) for seq, lie in enumerate(lies, 1)]
    decoding = SharedDecoding(bus, Observed())
    (batch,) = decoding.decode(("db", "rp"), [*stored, StoredMessage(4, "tickbus.write.db.rp", body, headers, 4)])
    assert batch.step.seq.tolist() == [4, 4] and decoding.refused == 3
    async with asyncio.timeout(10):
        while len(letters := await bus.dead_letters.all()) < 3:
            await asyncio.sleep(0.02)
    assert letters[0].why == "packed: a key is none"
    assert [(one.data, one.headers) for one in letters] == [
        (b"m v=1\nk k v=2", {}),
        (b"m v=1", headers),
        (body[:-9], headers),
    ]


async def test_a_long_line_does_not_come_to_stand_in_the_log(bus: Bus, logged: Callable[[str], list[str]]) -> None:
    message = StoredMessage(1, "tickbus.write.db.rp", b"x" * 100_000, None, 1)
    assert SharedDecoding(bus, Observed()).decode(("db", "rp"), [message]) == []
    (line,) = logged("a message on the bus is not line protocol and is skipped")
    assert 500 < len(line) < 1000
    assert len((await _aside(bus))[1]) > 1000


async def test_one_by_one_where_a_worker_died(bus: Bus) -> None:
    FLIGHT_RECORDER.suspected = {WRITES: (4, 6)}
    decoder = Observed()
    pieces = SharedDecoding(bus, decoder).decode(("db", "rp"), _messages(9))
    assert decoder.given == [[1, 2, 3], [4], [5], [6], [7, 8, 9]]
    assert [seq for batch in pieces for seq in batch.step.seq.tolist()] == list(range(1, 10))


async def test_what_is_set_aside_is_not_touched(bus: Bus) -> None:
    FLIGHT_RECORDER.aside[WRITES] = {1: FatalMessage("set aside: engine-0 died in it"), 5: FatalMessage("too")}
    decoder = Observed()
    decoding = SharedDecoding(bus, decoder)
    decoding.decode(("db", "rp"), _messages(6))
    assert decoder.given == [[2, 3, 4], [6]] and decoding.refused == 2
    assert (await _aside(bus))[1] == "set aside: engine-0 died in it"
    assert decoding.decode(("db", "rp"), _messages(1)) == []
