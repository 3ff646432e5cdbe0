"""Large writes are stored packed, others as they came; what was written can be had again of either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.config import Config
from schemas.config.nats import Nats
from services.bus.connection import Bus
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.http.writing.line_store import LineStore
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.layout import PACKED
from services.lineprotocol.packing.text import text_of
from tests.unit.services.gateway.http.writing.test_writes import written_after

LINES = b"".join(b"cpu,host=server%d usage_idle=%d.5,usage_user=%di %d\n" % (i % 9, i, i, i // 9) for i in range(1000))


@pytest.fixture
async def config(tmp_path: Path) -> AsyncIterator[Config]:
    yield Config(data_dir=tmp_path, nats=Nats(ack_timeout=5.0))


def _store(bus: Bus, config: Config) -> LineStore:
    store = LineStore(config, bus, NatsDisk(config, bus))
    store.packer.use(pack)
    return store


async def test_a_large_body_is_packed(bus: Bus, config: Config) -> None:
    position = await bus.last_sequence("WRITES")
    await _store(bus, config).store("tickbus.write.a.b", LINES, "s", 17, user="me")
    (message,) = await written_after(bus, position)
    assert message.headers is not None and message.headers[PACKED] == str(len(LINES))
    told = {name: message.headers[name] for name in ("precision", "received", "user")}
    assert told == {"precision": "s", "received": "17", "user": "me"}
    assert len(message.data) < len(LINES) / 3 and text_of(message.data) + b"\n" == LINES


async def test_others_are_stored_as_they_came(bus: Bus, config: Config, tmp_path: Path) -> None:
    position = await bus.last_sequence("WRITES")
    unpacked = Config(data_dir=tmp_path, nats=Nats(ack_timeout=5.0, pack_writes=False))
    bodies = [LINES[:47], LINES + b"# a comment", LINES]
    for body, settings in zip(bodies, (config, config, unpacked), strict=True):
        await _store(bus, settings).store("tickbus.write.a.b", body, "s")
    messages = await written_after(bus, position)
    assert [m.data for m in messages] == bodies
    assert all(m.headers is not None and PACKED not in m.headers for m in messages)


async def test_what_is_too_big_as_text_goes_as_one_message_but_with_a_key(bus: Bus, config: Config) -> None:
    position, body = await bus.last_sequence("WRITES"), LINES * (bus.max_payload // len(LINES) + 2)
    store = _store(bus, config)
    await store.store("tickbus.write.a.b", body, "s")
    (message,) = await written_after(bus, position)
    assert text_of(message.data) + b"\n" == body
    for _ in range(2):
        await store.store("tickbus.write.a.b", body, "s", key=b"one")
    messages = await written_after(bus, message.seq)
    assert len(messages) == 2 and all(m.headers is not None and PACKED in m.headers for m in messages[:1])
    parts = [text_of(m.data) + b"\n" if PACKED in (m.headers or {}) else m.data for m in messages]
    assert b"".join(parts) == body
