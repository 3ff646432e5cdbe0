"""Alerts that flap, with the real service: told that they do, and that they are steady, and of nothing between."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from services.alerting.silencing.ends import HoldingEnds
from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.support.alerts import CRITICAL, OK, WARNING, Sink, alerts, give, post, send, sink
from tests.unit.services.alerting.silencing.test_silencing import known, silence, told
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

SECOND = 10**9
HOUR = 3600 * SECOND
CHANGES = [("a", CRITICAL), ("a", OK)] * 4


async def declare(bus: Bus, window: int = HOUR, what: str = "declared", topic: str = "cpu") -> int:
    """A gateway says when alerts of a topic flap; the event's sequence."""
    data: dict[str, Any] = {"window": window, "low": 0.25, "high": 0.5} if what == "declared" else {}
    headers, body = encode(Event("flapping", topic, what, data, time.time_ns()))
    return (await bus.publish(f"tickbus.event.flapping.{topic}.{what}", body, headers)).seq


def texts(web: Sink) -> list[str]:
    return [json.loads(body)["message"] for _, _, body in web.posts]


async def test_told_once_that_it_flaps_and_once_that_it_is_steady(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "cpu", "h", post(web.url))
        await known(service, await declare(bus))
        await send(bus, alerts(CHANGES, 5), 0, "cpu")
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), 0, "cpu")
        assert (await told(service, web, 7))[:5] == [("a", "CRITICAL", "OK"), ("a", "OK", "CRITICAL")] * 2 + [
            ("a", "CRITICAL", "OK")
        ]
        topic = (await ask(bus, "topic", topic="cpu"))["topic"]
        assert topic["flapping"] == {"window": HOUR, "low": 0.25, "high": 0.5}
        # what flaps stands at CRITICAL, as it was told last, though it is OK at this moment
        said = dict(zip(texts(web)[5:], web.told()[5:], strict=True))
        assert said["flapping, 8 changes in 1h0m0s: a is OK"] == ("a", "CRITICAL", "CRITICAL")
        assert said["b is CRITICAL"] == ("b", "CRITICAL", "OK")
        assert service.stats()["flapping"] == 3
        ends = HoldingEnds(
            bus, service.log, service.topics, service.holding, lambda shard: True, lambda: time.time_ns() + 2 * HOUR
        )
        looking = asyncio.create_task(ends.run())
        assert (await told(service, web, 8))[7] == ("a", "OK", "CRITICAL")
        assert texts(web)[7] == "steady again: a is OK"
        assert not service.topics.by_name["cpu"].flaps.told and not service.topics.by_name["cpu"].held
        looking.cancel()
        await send(bus, alerts([("b", WARNING)], 7, host="b"), 0, "cpu")
        assert (await told(service, web, 9))[8] == ("b", "WARNING", "CRITICAL")


async def test_over_a_restart_and_without_its_store(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            await give(bus, "cpu", "h", post(web.url))
            await known(service, await declare(bus))
            await send(bus, alerts(CHANGES, 5), 0, "cpu")
            assert len(await told(service, web, 6)) == 6
        async with running(bus, tmp_path) as service:
            event = (await ask(bus, "event", topic="cpu", event="a"))["event"]
            assert event["flapping"] is True
            await send(bus, alerts([("a", CRITICAL), ("a", OK), ("a", WARNING)], 6), 0, "cpu")
            await service.log.caught_up()
        (tmp_path / "alerting.lmdb").rename(tmp_path / "gone")
        async with running(bus, tmp_path) as service:
            await service.log.caught_up()
            assert service.topics.by_name["cpu"].flaps.told == {"a": True}
            assert (await ask(bus, "topic", topic="cpu"))["topic"]["flaps"] == 1
            assert len(web.told()) == 6
            await declare(bus, what="withdrawn")
            assert (await told(service, web, 7))[6] == ("a", "WARNING", "CRITICAL")
            assert texts(web)[6] == "steady again: a is WARNING"
            await send(bus, alerts(CHANGES, 7), 0, "cpu")
            assert len(await told(service, web, 15)) == 15


async def test_what_flaps_within_a_silence_is_told_as_it_stands_at_its_end(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "cpu", "h", post(web.url))
        await known(service, await silence(bus))
        await known(service, await declare(bus))
        await send(bus, alerts([*CHANGES, ("a", CRITICAL)], 5), 0, "cpu")
        await service.log.caught_up()
        assert service.topics.by_name["cpu"].flaps.told == {"a": False} and not web.told()
        assert service.stats()["silenced"] == 9
        await silence(bus, "s", "expired")
        assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
        assert texts(web) == ["flapping, 9 changes in 1h0m0s: a is CRITICAL"]
