"""Digests with the real service: told when due, once, by whoever runs the topic; and after a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.alerting.service import Alerting
from services.bus.connection import Bus
from tests.support.alerts import CRITICAL, OK, WARNING, Sink, alerts, give, post, send, sink, take
from tests.unit.services.alerting.silencing.test_silencing import ON_A, known, silence
from tests.unit.services.alerting.test_service import bus, running

__all__ = ["bus"]

MS = 10**6


def group(wait: int = 100, interval: int = 100, repeat: int = 0, **options: Any) -> dict[str, Any]:
    """A handler of the topic cpu; times in ms."""
    times = {"wait": wait * MS, "interval": interval * MS, "repeat": repeat * MS}
    return {"kind": "group", "options": {"topic": "digests", "by": ["host"], **times, **options}}


@contextlib.asynccontextmanager
async def grouped(bus: Bus, path: Path, handler: dict[str, Any]) -> AsyncIterator[tuple[Alerting, Sink]]:
    async with sink() as web, running(bus, path) as service:
        await give(bus, "digests", "post", post(web.url))
        await give(bus, "cpu", "group", handler)
        await service.log.caught_up()
        yield service, web


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def told(web: Sink) -> list[tuple[str, str, str]]:
    return [(one["id"], one["level"], one["message"].partition(": ")[2]) for one in web.events()]


async def test_one_message_a_group(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group(wait=400)) as (_, web):
        await send(bus, alerts([("a1", WARNING), ("a2", CRITICAL)], 5), 0, "cpu")
        await send(bus, alerts([("b1", WARNING)], 6, host="b"), 0, "cpu")
        await send(bus, alerts([("a3", WARNING)], 7), 0, "cpu")
        await web.came(2)
        assert sorted(told(web)) == [
            ("cpu/host=a", "CRITICAL", "3 firing, 0 resolved"),
            ("cpu/host=b", "WARNING", "1 firing, 0 resolved"),
        ]
        await send(bus, alerts([("a1", OK), ("a2", OK), ("a3", OK)], 8), 0, "cpu")
        await web.came(3)
        assert told(web)[2] == ("cpu/host=a", "OK", "0 firing, 3 resolved")
        last = web.events()[2]
        assert last["previousLevel"] == "CRITICAL" and last["details"] == "a1 is OK\na2 is OK\na3 is OK\n"
        assert len(web.events()[0]["data"]["series"]) in (1, 3)


async def test_told_again(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group(repeat=200)) as (_, web):
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await web.came(3)
        assert told(web)[:3] == [("cpu/host=a", "WARNING", "1 firing, 0 resolved")] * 3


async def test_what_came_and_went_is_not_told(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group(wait=500)) as (service, web):
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await send(bus, alerts([("a", OK)], 6), 0, "cpu")
        await send(bus, alerts([("b", WARNING)], 7, host="b"), 0, "cpu")
        await web.came(1)
        assert told(web) == [("cpu/host=b", "WARNING", "1 firing, 0 resolved")] and service.groups.told == 1


async def test_matches_and_silences(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "digests", "post", post(web.url))
        await give(bus, "cpu", "group", group(wait=300, by=[]), match="level() == CRITICAL")
        await known(service, await silence(bus))
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
        await send(bus, alerts([("b", WARNING), ("c", CRITICAL)], 6, host="b"), 0, "cpu")
        await web.came(1)
        assert told(web) == [("cpu/", "CRITICAL", "1 firing, 0 resolved")]
        await silence(bus, "s", "expired")
        await web.came(2)
        assert told(web)[1] == ("cpu/", "CRITICAL", "2 firing, 0 resolved")


async def test_what_was_told_and_is_silenced_since_is_not_told_as_resolved(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group(by=[], repeat=300)) as (service, web):
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
        await web.came(1)
        await known(service, await silence(bus))
        await send(bus, alerts([("b", WARNING)], 6, host="b"), 0, "cpu")
        await send(bus, alerts([("a", OK)], 7), 0, "cpu")
        await send(bus, alerts([("a", WARNING)], 8), 0, "cpu")
        await web.came(2)
        await send(bus, alerts([("b", OK)], 9, host="b"), 0, "cpu")
        await eventually(lambda: told(web)[-1][2] == "0 firing, 1 resolved")
        before = len(told(web))
        assert {one[1:] for one in told(web)[1:-1]} == {("CRITICAL", "1 firing, 0 resolved")}
        assert told(web)[-1] == ("cpu/", "CRITICAL", "0 firing, 1 resolved"), "a counts as it was told"
        await asyncio.sleep(0.6)  # nothing comes, not even what is told again
        assert len(told(web)) == before
        await silence(bus, "s", "expired")
        await web.came(before + 1)
        assert told(web)[before] == ("cpu/", "WARNING", "1 firing, 0 resolved")


async def test_a_topic_of_its_own_digests_and_a_broken_message_hold_up_no_other(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group()) as (service, web):
        await give(bus, "own", "group", group(topic="own"))
        await give(bus, "bad", "group", group(by=["name"], message="{{ range .Firing }}{{ .Name }}{{ end }}"))
        await known(service, await silence(bus, "r", "created", {**ON_A, "name": "name", "is-regex": True}))
        await send(bus, replace(alerts([("x", WARNING)], 4), series=[{"name": 5, "tags": {}, "group": ""}]), 0, "bad")
        await send(bus, alerts([("o", WARNING)], 5), 0, "own")
        await send(bus, alerts([("a", WARNING)], 6), 0, "cpu")
        await eventually(lambda: ("cpu/host=a", "WARNING", "1 firing, 0 resolved") in told(web))
        assert len(service.topics.by_name["own"].ids) == 1


async def test_a_restart_goes_on_where_it_was(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group()) as (service, web):
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await web.came(1)
        await service.dispatcher.drained()
    async with sink() as web:
        await give(bus, "digests", "post", post(web.url), what="updated")
        await send(bus, alerts([("a", OK)], 6), 0, "cpu")
        async with running(bus, tmp_path):
            await web.came(1)
            assert told(web) == [("cpu/host=a", "OK", "0 firing, 1 resolved")]


async def test_two_alertings_tell_it_once(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    async with grouped(bus, tmp_path, group()) as (one, web), running(bus, tmp_path / "two") as two:
        await asyncio.gather(one.log.caught_up(), two.log.caught_up())
        for number in range(5, 10):
            await send(bus, alerts([(f"a{number}", WARNING)], number), 0, "cpu")
            await web.came(number - 4)
        assert [text for _, _, text in told(web)] == [f"{n} firing, 0 resolved" for n in range(1, 6)]
        assert one.groups.told + two.groups.told == 5


async def test_a_handler_that_is_taken_away(bus: Bus, tmp_path: Path) -> None:
    async with grouped(bus, tmp_path, group(wait=300)) as (_, web):
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await take(bus, "cpu", "group")
        await give(bus, "cpu", "other", group(by=[]))
        await web.came(1)
        assert told(web) == [("cpu/", "WARNING", "1 firing, 0 resolved")]
