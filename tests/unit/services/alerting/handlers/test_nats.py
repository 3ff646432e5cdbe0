"""nats: what is published where, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import nats
import orjson
import pytest
from nats.aio.client import Client

from schemas.config.security import Security
from schemas.notices import NoticeSchema
from services.alerting import handlers
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.transports.http import Http
from services.bus.account.kept import Wishes
from services.bus.connection import Bus
from services.bus.streams import StreamLimits
from services.process.permissions import OPEN, Guard, NotPermitted
from tests.support.nats import NatsServer
from tests.unit.services.alerting.handlers.test_handlers import event, uses


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url) as bus:
        await bus.ensure_notices(Wishes(notices=StreamLimits(3600.0, 1 << 20)))
        yield bus


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another program."""
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


async def handle(bus: Bus, options: dict[str, Any], guard: Guard = OPEN, **changes: Any) -> None:
    handler, read = handlers.from_json("nats", options)
    context = HandlerContext(Http(), bus=bus, guard=guard)
    await handler.handle(event(**changes), read, context)  # type: ignore[union-attr]


async def test_without_a_subject_an_event_is_kept_once_for_its_topic(bus: Bus, client: Client) -> None:
    before = await bus.last_sequence("NOTICES")
    for _ in range(2):
        await handle(bus, {}, topic="disk full", id="a", replay="r1:t")
    await handle(bus, {}, topic="disk full", id="b", time=5)
    assert await bus.last_sequence("NOTICES") == before + 2
    kept = await client.jetstream().get_msg("NOTICES", before + 1)
    assert kept.subject == "tickbus.alerts.disk=20full" and kept.data is not None and kept.headers is not None
    told = orjson.loads(kept.data)
    assert kept.headers["content-type"] == "application/cloudevents+json"
    assert kept.headers["Nats-Msg-Id"] == told["id"]
    assert NoticeSchema().validate(told) == {}
    assert (told["subject"], told["tickbustopic"], told["tickbusreplay"]) == ("a", "disk full", "r1")
    assert told["data"] == orjson.loads(event(topic="disk full", id="a").json())


async def test_a_subject_is_a_template_and_its_message_has_the_headers(bus: Bus, client: Client) -> None:
    heard = await client.subscribe("ops.>")
    for _ in range(2):  # nats-py sends a flush's PING ahead of the SUB that waits: only the second comes after it
        await client.flush()
    await handle(bus, {"subject": "ops.{{ .Level }}.{{ .ID }}", "headers": {"X-Team": "db"}}, id="one", level=3)
    message = await heard.next_msg(5)
    assert message.subject == "ops.CRITICAL.one" and message.headers is not None
    assert message.headers["X-Team"] == "db" and message.headers["Nats-Msg-Id"] == orjson.loads(message.data)["id"]


async def test_what_no_stream_acknowledges_is_sent_again_where_that_is_asked_for(bus: Bus) -> None:
    with pytest.raises(Unsent, match="no stream takes"):
        await handle(bus, {"subject": "nobody.keeps", "acknowledged": True})
    await handle(bus, {"subject": "nobody.keeps"})


async def test_without_nats_it_is_sent_again(bus: Bus, nats_server: NatsServer) -> None:
    await asyncio.to_thread(nats_server.stop)
    try:
        for options in ({}, {"subject": "ops"}):
            with pytest.raises(Unsent):
                await handle(bus, options)
    finally:
        await asyncio.to_thread(nats_server.start)


@pytest.mark.parametrize("id", ["a b", "", "*", ">", "x..y", "x\r\nPUB a 0", "x" * 1001])
async def test_a_subject_that_is_none_once_it_is_filled_in_is_refused(bus: Bus, id: str) -> None:
    with pytest.raises(Rejected, match="not a subject"):
        await handle(bus, {"subject": "{{ .ID }}"}, id=id)


@pytest.mark.parametrize(
    "subject", ["tickbus.event.task.x.deleted", "tickbus", "$JS.API.STREAM.INFO.WRITES", "_INBOX.x"]
)
async def test_nothing_of_tickbus_or_of_nats_is_published_to(bus: Bus, subject: str) -> None:
    with pytest.raises(ValueError, match="not for handlers"):
        handlers.check_json("nats", {"subject": subject}, {})
    with pytest.raises(Rejected, match="not for handlers"):
        await handle(bus, {"subject": "{{ .ID }}"}, id=subject)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"subject": "a b"}, "not a subject"),
        ({"subject": "a.>"}, "not a subject"),
        ({"subject": "{{ .Nope"}, "template"),
        ({"headers": {"Nats-Rollup": "all"}}, "not for handlers"),
        ({"headers": {"Content-Type": "text/plain"}}, "not for handlers"),
        ({"headers": {"a b": "c"}}, "not a header"),
        ({"headers": {"a": "b\r\nNats-Rollup: all"}}, "not a header"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_defined(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        handlers.check_json("nats", options, {})


async def test_with_users_only_subjects_that_are_listed_are_published_to(bus: Bus) -> None:
    guard = Guard(Security(subjects=("ops.*.db", "page.>")), closed=True)
    for subject in ("ops.x.db", "page.a.b"):
        handlers.check_json("nats", {"subject": subject}, {}, guard)
        await handle(bus, {"subject": "{{ .ID }}"}, guard, id=subject)
    for subject in ("ops.db", "ops.x.db.y", "page", "other"):
        with pytest.raises(NotPermitted, match="subjects of"):
            handlers.check_json("nats", {"subject": subject}, {}, guard)
        with pytest.raises(Rejected, match="subjects of"):
            await handle(bus, {"subject": "{{ .ID }}"}, guard, id=subject)
    closed = Guard(Security(), closed=True)
    await handle(bus, {}, closed)
    with pytest.raises(NotPermitted):
        handlers.check_json("nats", {"subject": "ops"}, {}, closed)


def test_scripts_write_it() -> None:
    (use,) = uses(".nats().subject('ops').header('a', 'b').acknowledged()")
    options = {"subject": "ops", "headers": {"a": "b"}, "acknowledged": True}
    assert handlers.to_json(use) == {"kind": "nats", "options": options}
