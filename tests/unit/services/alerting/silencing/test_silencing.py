"""Silenced alerts with the real service: kept from handlers, noted, and told once when the silence is over."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.support.alerts import CRITICAL, OK, WARNING, Sink, alerts, give, own_topic, post, send, sink, started
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

HOUR = 3600 * 10**9
ON_A = {"name": "host", "value": "a", "is-regex": False, "is-equal": True}


async def silence(bus: Bus, id: str = "s", what: str = "created", *matchers: dict[str, Any], **times: int) -> int:
    """A gateway silences the host a, from now on for an hour; the event's sequence."""
    now = time.time_ns()
    data: dict[str, Any] = {"end": now, **times}
    if what != "expired":
        data = {"matchers": list(matchers) or [ON_A], "start": now, "end": now + HOUR, **times}
        data |= {"created-by": "me", "comment": ""}
    headers, body = encode(Event("silence", id, what, data, now))
    return (await bus.publish(f"tickbus.event.silence.{id}.{what}", body, headers)).seq


async def known(service: Alerting, seq: int) -> None:
    await service.projection.reached(seq)


async def told(service: Alerting, web: Sink, count: int) -> list[tuple[str, str, str]]:
    await web.came(count)
    await service.log.caught_up()
    await service.dispatcher.drained()
    return web.told()


async def test_it_is_kept_from_handlers_and_told_at_the_end(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await known(service, await silence(bus))
        await send(bus, alerts([("a", WARNING)], 5), run)
        await send(bus, alerts([("a", CRITICAL)], 6), run)
        await send(bus, alerts([("b", CRITICAL)], 7, host="b"), run)
        assert await told(service, web, 1) == [("b", "CRITICAL", "OK")]
        assert (await ask(bus, "event", topic=own_topic(), event="a"))["event"]["state"]["level"] == "CRITICAL"
        assert service.stats()["silenced"] == 2
        await silence(bus, "s", "expired")
        assert await told(service, web, 2) == [("b", "CRITICAL", "OK"), ("a", "CRITICAL", "OK")]
        assert web.events()[1]["data"]["series"][0]["tags"] == {"host": "a"}
        await send(bus, alerts([("a", OK)], 8), run)
        assert (await told(service, web, 3))[2:] == [("a", "OK", "CRITICAL")]


async def test_what_came_and_went_is_not_told(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await known(service, await silence(bus))
        await send(bus, alerts([("a", CRITICAL), ("a", OK)], 5), run)
        await known(service, await silence(bus, "s", "expired"))
        await send(bus, alerts([("a", WARNING)], 6), run)
        assert await told(service, web, 1) == [("a", "WARNING", "OK")]


async def test_a_recovery_within_is_told_at_the_end_of_what_was_told_before(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
        await known(service, await silence(bus))
        await send(bus, alerts([("a", OK)], 6), run)
        await service.log.caught_up()
        await silence(bus, "s", "expired")
        assert (await told(service, web, 2))[1:] == [("a", "OK", "CRITICAL")]


async def test_a_silence_ends_by_itself(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        end = time.time_ns() + 10**9
        await known(service, await silence(bus, end=end))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
        assert time.time_ns() >= end


async def test_another_silence_goes_on(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await silence(bus, "s")
        await known(service, await silence(bus, "other", "created", {**ON_A, "name": "topic", "value": own_topic()}))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await known(service, await silence(bus, "s", "expired"))
        await send(bus, alerts([("c", WARNING)], 6, host="c"), run)
        await silence(bus, "other", "expired")
        assert sorted(await told(service, web, 2)) == [("a", "CRITICAL", "OK"), ("c", "WARNING", "OK")]


async def test_what_is_silenced_is_remembered_over_a_restart(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, post(web.url))
            await known(service, await silence(bus))
            await send(bus, alerts([("a", CRITICAL)], 5), run)
            await service.log.caught_up()
        await silence(bus, "s", "expired")
        async with running(bus, tmp_path) as service:
            assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
        (tmp_path / "alerting.lmdb").rename(tmp_path / "gone")
        async with running(bus, tmp_path) as service:
            await service.log.caught_up()
            await service.dispatcher.drained()
            assert len(web.told()) == 1


async def test_handlers_of_topics_and_of_two_alertings(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    async with sink() as web, running(bus, tmp_path) as one, running(bus, tmp_path / "two") as two:
        await give(bus, "cpu", "h", post(web.url))
        seq = await silence(bus)
        await asyncio.gather(known(one, seq), known(two, seq))
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
        await asyncio.gather(one.log.caught_up(), two.log.caught_up())
        await silence(bus, "s", "expired")
        await web.came(1)
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), 0, "cpu")
        await web.came(2)
        assert web.told() == [("a", "CRITICAL", "OK"), ("b", "CRITICAL", "OK")]
