"""Inhibited alerts, with the real service: whatever comes in which order, and whoever dies in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.alerting.service import Alerting
from services.alertlog.alert_messages import alert_messages
from services.alertlog.inhibition import encode_released
from services.bus.connection import Bus
from services.bus.positions import EventsSeq
from services.bus.subjects import inhibition_subject
from tests.support.alerts import (
    CRITICAL,
    OK,
    WARNING,
    Sink,
    alerts,
    in_category,
    inhibition,
    own_topic,
    post,
    replay_event,
    replay_started,
    run_event,
    send,
    sink,
    started,
    task_deleted,
    tell,
)
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]


class Runs:
    """A task `up` that inhibits, and one `t` whose alerts are in the category and are posted."""

    def __init__(self, bus: Bus, web: Sink) -> None:
        self._bus, self._web = bus, web
        self.up = self.t = 0

    async def begin(self) -> None:
        self.up = await run_event(self._bus, "up", "started", enabled=1, position=0, worker="w", alerts=[])
        self.t = await started(self._bus, "t", 1, post(self._web.url + "/t"))

    async def tell(self, seq: int, *changes: tuple[str, bool], tick: bool = False) -> int:
        return await tell(self._bus, inhibition(changes, seq, tick=tick), self.up)

    async def alert(self, seq: int, *events: tuple[str, int], host: str = "a", tick: bool = False) -> int:
        return await send(self._bus, in_category(alerts(events, seq, host=host, tick=tick)), self.t)

    async def end(self) -> None:
        await run_event(self._bus, "up", "stopped", disabled=2)


async def states(bus: Bus, topic: str = own_topic()) -> dict[str, str]:
    """The levels of a topic's events, by id."""
    found = (await ask(bus, "events", topic=topic))["events"]
    return {event["id"]: event["state"]["level"] for event in found}


async def settled(bus: Bus, service: Alerting) -> None:
    await service.log.caught_up()
    await service.dispatcher.drained()


async def until_free(service: Alerting, owner: str = "up") -> None:
    async with asyncio.timeout(30):
        while service.inhibitors.first(owner) is not None:
            await asyncio.sleep(0.01)


async def test_alerts_of_the_category_with_these_tags_are_silent_while_it_is_not_ok(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        await runs.tell(1, ("a", True))
        await runs.alert(2, ("x", CRITICAL))
        await runs.alert(3, ("y", CRITICAL), host="b")
        other = in_category(alerts([("z", CRITICAL)], 2, node="alert3"), "other")
        await send(bus, other, runs.t, topic="shared")
        await settled(bus, service)
        # in the fold of the topic it is as if there had been no such alert
        assert (await states(bus), await states(bus, "shared")) == ({"y": "CRITICAL"}, {"z": "CRITICAL"})
        assert (await ask(bus, "topic", topic=own_topic()))["topic"]["collected"] == 1
        assert await ask(bus, "inhibited", tasks=["t", "up"]) == {"t": {"alert2": [0, 0, 0, 1]}, "up": {}}
        await runs.tell(4, ("a", False))
        await runs.alert(5, ("x", CRITICAL))
        await settled(bus, service)
        assert web.told() == [("y", "CRITICAL", "OK"), ("x", "CRITICAL", "OK")]


async def test_some_of_a_message(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        await runs.tell(5, ("a", True))
        await runs.tell(6, ("a", False))
        events = alerts([("x", CRITICAL), ("x", WARNING), ("new", WARNING), ("x", OK)], 4)
        await send(bus, in_category(replace(events, seq=np.array([4, 5, 5, 6]))), runs.t)
        await settled(bus, service)
        assert web.told() == [("x", "CRITICAL", "OK"), ("x", "OK", "CRITICAL")]
        assert await states(bus) == {"x": "OK"}
        assert (await ask(bus, "inhibited", tasks=["t"]))["t"] == {"alert2": [0, 0, 2, 0]}


async def test_the_recovery_from_an_alert_that_was_told_is_told_all_the_same(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        await runs.alert(1, ("x", CRITICAL), ("y", CRITICAL))
        await runs.tell(2, ("a", True))
        # y becomes less severe, z was never told: neither that nor its recovery is
        await runs.alert(3, ("x", OK), ("y", WARNING), ("z", CRITICAL))
        await runs.alert(4, ("z", OK), ("x", CRITICAL), ("x", OK), ("y", OK))
        await settled(bus, service)
        assert web.told()[2:] == [("x", "OK", "CRITICAL"), ("y", "OK", "CRITICAL")]
        assert await states(bus) == {"x": "OK", "y": "OK"}
        assert (await ask(bus, "inhibited", tasks=["t"]))["t"] == {"alert2": [2, 0, 1, 2]}
        # a worker that goes back sends it cut otherwise
        await runs.alert(4, ("z", OK), ("x", CRITICAL))
        await runs.tell(5, ("a", False))
        await runs.alert(6, ("x", CRITICAL))
        await settled(bus, service)
        assert web.told()[4:] == [("x", "CRITICAL", "OK")]


async def test_what_counts_is_where_the_causes_stand_and_not_when_messages_come(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        await runs.tell(10, ("a", True))
        await runs.alert(9, ("before", CRITICAL))
        await runs.alert(10, ("with it", CRITICAL))
        await runs.tell(20, ("a", False))
        await runs.alert(19, ("during", CRITICAL))
        await runs.alert(20, ("with its end", CRITICAL))
        # ticks and writes are on one axis of time
        await runs.tell(30, ("a", True), tick=True)
        await runs.alert(31, ("behind a tick", CRITICAL))
        await settled(bus, service)
        assert [id for id, _, _ in web.told()] == ["before", "with its end"]


async def test_alerts_in_no_category_can_be_inhibited_too(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        everywhere = replace(inhibition([("a", True)], 1), categories=[""], tags=[{}])
        await tell(bus, everywhere, runs.up)
        await send(bus, alerts([("x", CRITICAL)], 2), runs.t)
        await runs.alert(3, ("y", CRITICAL))
        await settled(bus, service)
        assert [id for id, _, _ in web.told()] == ["y"]


@pytest.mark.parametrize("lost", [False, True])
async def test_what_was_decided_stays_decided(bus: Bus, tmp_path: Path, lost: bool) -> None:
    """Over a restart, with or without LMDB, and when workers send again what they have sent."""
    async with sink() as web:
        runs = Runs(bus, web)
        async with running(bus, tmp_path) as service:
            await runs.begin()
            await runs.tell(1, ("a", True), ("b", True))
            await runs.alert(2, ("x", CRITICAL))
            await runs.alert(3, ("z", CRITICAL), host="c")
            await settled(bus, service)
        if lost:
            for file in tmp_path.glob("alerting*"):
                file.unlink()
        async with running(bus, tmp_path) as service:
            assert await states(bus) == {"z": "CRITICAL"}
            assert (await ask(bus, "inhibited", tasks=["t"]))["t"] == {"alert2": [0, 0, 0, 1]}
            await runs.tell(4, ("a", False))
            # both workers have gone back to a snapshot
            await runs.tell(1, ("a", True), ("b", True))
            await runs.alert(2, ("x", CRITICAL))
            await runs.tell(4, ("a", False))
            await runs.alert(5, ("y", CRITICAL))
            await runs.alert(6, ("w", CRITICAL), host="b")
            await settled(bus, service)
            assert [id for id, _, _ in web.told()] == ["z", "y"]
            assert (await ask(bus, "inhibited", tasks=["t"]))["t"] == {"alert2": [0, 0, 0, 2]}


async def test_a_run_that_ends_inhibits_no_more(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        await runs.tell(1, ("a", True))
        await runs.end()
        await until_free(service)
        # what the worker tells too late is over as well
        await runs.tell(2, ("b", True))
        await service.log.caught_up()
        await until_free(service)
        # before its end it did inhibit, whenever that comes out
        await runs.alert(3, ("y", CRITICAL), host="b")
        later = in_category(alerts([("x", CRITICAL)], 4, host="b"))
        await send(bus, replace(later, processing_time=np.array([2**62])), runs.t)
        await settled(bus, service)
        assert [id for id, _, _ in web.told()] == ["x"]
        # another run may inhibit again
        runs.up = await run_event(bus, "up", "started", enabled=9, position=0, worker="w", alerts=[])
        await runs.tell(4, ("b", True))
        await settled(bus, service)
        assert service.inhibitors.first("up") == runs.up


async def test_runs_that_end_while_alerting_is_away(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        runs = Runs(bus, web)
        async with running(bus, tmp_path) as service:
            await runs.begin()
            await runs.tell(1, ("a", True))
            await settled(bus, service)
        await run_event(bus, "up", "failed", enabled=1, error="broken")
        position = await bus.last_sequence("ALERTS")
        async with running(bus, tmp_path) as service:
            await until_free(service)
            assert await bus.last_sequence("ALERTS") == position + 1
        async with running(bus, tmp_path) as service:
            assert await bus.last_sequence("ALERTS") == position + 1
            assert service.inhibitors.first("up") is None


async def test_nothing_is_kept_of_tasks_that_are_no_more(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        runs = Runs(bus, web)
        async with running(bus, tmp_path) as service:
            await runs.begin()
            await runs.tell(1, ("a", True))
            await runs.alert(2, ("x", CRITICAL))
            for task in ("up", "t"):
                await task_deleted(bus, task)
                await run_event(bus, task, "stopped", disabled=9)
            async with asyncio.timeout(30):
                while service.inhibitors.nodes:
                    await asyncio.sleep(0.01)
            await settled(bus, service)
        async with running(bus, tmp_path) as service:
            assert service.inhibitors.nodes == {}


async def test_nothing_is_kept_of_what_comes_once_its_task_is_no_more(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        runs = Runs(bus, web)
        async with running(bus, tmp_path) as service:
            await runs.begin()
            await runs.tell(1, ("a", True))
            await task_deleted(bus, "t")
            await service.projection.reached(await run_event(bus, "t", "stopped", disabled=9))
            await runs.alert(2, ("x", CRITICAL))
            await settled(bus, service)
            assert {owner for owner, _ in service.inhibitors.nodes} == {"up"}


async def test_a_replay_is_a_world_of_its_own(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        replay = await replay_started(bus, "r", "t", post(web.url + "/r"))
        await tell(bus, inhibition([("a", True)], 1, task="t"), replay, replay="r")
        await runs.tell(1, ("b", True))
        for host in "ab":
            await runs.alert(2, (host, CRITICAL), host=host)
            mine = replace(in_category(alerts([(host, CRITICAL)], 2 + ord(host), host=host)), replay="r")
            await send(bus, mine, replay, topic="r:t:alert2")
        await settled(bus, service)
        assert [id for id, _, _ in web.told("/t")] == ["a"]
        assert [id for id, _, _ in web.told("/r")] == ["b"]
        await replay_event(bus, "r", "t", "finished", stats={})
        async with asyncio.timeout(30):
            while ("r:t", "alert2") in service.inhibitors.nodes:
                await asyncio.sleep(0.01)


async def test_messages_that_are_none_are_skipped(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        runs = Runs(bus, web)
        await runs.begin()
        subject = inhibition_subject("up")
        for data in (b"", b"{}", b'{"released": []}', encode_released(EventsSeq(10**9))):
            await bus.publish(subject, data)
        ((_, _, data),) = alert_messages(inhibition([("a", True)], 1, task="other"), runs.up, "", 1 << 20)
        await bus.publish(subject, data)
        await runs.tell(1, ("a", True))
        odd = in_category(alerts([("x", CRITICAL)], 2))
        await send(bus, replace(odd, series=[{"name": "cpu", "tags": {"host": ["a"]}, "group": ""}]), runs.t)
        await settled(bus, service)
        assert service.fold.refused == 5
        assert [id for id, _, _ in web.told()] == ["x"]
