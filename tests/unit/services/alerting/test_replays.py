"""Alerts of replays: topics and identities of their own, gone with the replay."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from services.bus.connection import Bus
from tests.support.alerts import (
    CRITICAL,
    OK,
    WARNING,
    alerts,
    post,
    replay_event,
    replay_started,
    send,
    sink,
    started,
)
from tests.unit.services.alerting.test_service import bus, running

__all__ = ["bus"]

TOPIC = "r:t:alert2"


async def test_a_replay_has_topics_of_its_own_until_it_ends(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        live = await started(bus, "t", 1, post(web.url + "/live"))
        await send(bus, alerts([("a", CRITICAL)], 50), live)
        run = await replay_started(bus, "r", "t", post(web.url + "/replay"))
        await send(bus, replace(alerts([("a", WARNING)], 5), replay="r"), run, TOPIC)
        await web.came(2)
        assert web.told("/live") == [("a", "CRITICAL", "OK")]
        assert web.told("/replay") == [("a", "WARNING", "OK")]
        assert service.view.names() == ["main:t:alert2", TOPIC]
        # all that a replay has sent lies before its end, and is folded before its topics are forgotten
        await send(bus, replace(alerts([("a", OK)], 6), replay="r"), run, TOPIC)
        await replay_event(bus, "r", "t", "finished", stats={})
        await web.came(2, "/replay")
        async with asyncio.timeout(30):
            while service.view.visible(TOPIC) or TOPIC in service.topics.by_name:
                await asyncio.sleep(0.01)
        assert web.told("/replay")[1] == ("a", "OK", "WARNING")
        assert service.view.names() == ["main:t:alert2"]
        # the same id may be used again, and begins anew
        again = await replay_started(bus, "r", "t", post(web.url + "/again"))
        await send(bus, replace(alerts([("a", CRITICAL)], 5), replay="r"), again, TOPIC)
        await web.came(1, "/again")
        assert web.told("/again") == [("a", "CRITICAL", "OK")]


async def test_a_replay_begun_anew_repeats_nothing(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        handler = post(web.url)
        run = await replay_started(bus, "r", "t", handler)
        for seq in (1, 2):
            await send(bus, replace(alerts([("a", CRITICAL)], seq), replay="r"), run, TOPIC)
        await replay_started(bus, "r", "t", handler)
        for seq in (1, 2, 3):
            await send(bus, replace(alerts([("a", CRITICAL)], seq), replay="r"), run, TOPIC)
        await web.came(3)
        await service.dispatcher.drained()
        assert len(web.posts) == 3


async def test_a_named_topic_takes_a_replays_events_beside_the_live_ones(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        live = await started(bus, "t", 1)
        run = await replay_started(bus, "r", "t")
        await send(bus, alerts([("a", CRITICAL)], 50), live, "named")
        await send(bus, replace(alerts([("b", WARNING)], 5), replay="r"), run, "named")
        await send(bus, alerts([("a", OK)], 51), live, "named")
        await send(bus, alerts([("a", CRITICAL)], 50), live, "named")
        await replay_event(bus, "r", "t", "deleted")
        await service.log.caught_up()
        async with asyncio.timeout(30):
            while any(owner == "r:t" for owner, _ in service.topics.by_name["named"].deduplicators):
                await asyncio.sleep(0.01)
        assert (service.fold.events, service.fold.repeats) == (3, 1)
        assert {s.id: s.level for s in service.topics.by_name["named"].states(0)} == {"a": OK, "b": WARNING}
