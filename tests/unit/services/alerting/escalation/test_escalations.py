"""Alerts that nobody sees to, with the real service: escalated once, ended, and not where somebody has acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.alerting.service import Alerting
from services.alertlog.acknowledgement import Acknowledgement, encode
from services.bus.connection import Bus
from services.bus.subjects import alert_subject
from tests.support.alerts import CRITICAL, OK, WARNING, Sink, alerts, give, post, send, sink
from tests.unit.services.alerting.silencing.test_silencing import known, silence
from tests.unit.services.alerting.test_service import bus, running

__all__ = ["bus"]


async def at_once(bus: Bus, id: str, level: int, seq: int, host: str = "a") -> None:
    """An alert that has just come to this level."""
    made = alerts([(id, level)], seq, host=host)
    await send(bus, replace(made, time=np.array([time.time_ns()]), duration=np.array([0])), 0, "cpu")


@contextlib.asynccontextmanager
async def escalating(
    bus: Bus, path: Path, after: str = "300ms", match: str = ""
) -> AsyncIterator[tuple[Alerting, Sink]]:
    async with sink() as web, running(bus, path) as service:
        await give(bus, "boss", "post", post(web.url))
        await give(bus, "cpu", "up", {"kind": "escalate", "options": {"topic": "boss", "after": after}}, match=match)
        await service.log.caught_up()
        yield service, web


async def test_once_and_its_end(bus: Bus, tmp_path: Path) -> None:
    async with escalating(bus, tmp_path) as (_, web):
        began = time.time_ns()
        await at_once(bus, "a", WARNING, 5)
        await web.came(1)
        assert web.told() == [("a", "WARNING", "OK")] and time.time_ns() - began >= 300 * 10**6
        assert web.events()[0]["data"]["series"][0]["tags"] == {"host": "a"}
        await at_once(bus, "a", CRITICAL, 6)
        await at_once(bus, "a", OK, 7)
        await web.came(2)
        assert web.told()[1] == ("a", "OK", "WARNING")


async def test_what_was_ok_in_time_or_is_acknowledged_is_not(bus: Bus, tmp_path: Path) -> None:
    async with escalating(bus, tmp_path, "1s") as (service, web):
        await at_once(bus, "a", WARNING, 5)
        await at_once(bus, "b", WARNING, 6)
        await bus.publish(alert_subject("cpu"), encode(Acknowledgement("b", "ann", "", True)))
        await at_once(bus, "a", OK, 7)
        await at_once(bus, "c", WARNING, 8)
        await web.came(1)
        assert web.told() == [("c", "WARNING", "OK")]
        await bus.publish(alert_subject("cpu"), encode(Acknowledgement("b", "ann", "", False)))
        await web.came(2)
        assert web.told()[1] == ("b", "WARNING", "OK")
        assert len(service.topics.by_name["boss"].ids) == 2


async def test_matches_and_silences(bus: Bus, tmp_path: Path) -> None:
    async with escalating(bus, tmp_path, match="level() == CRITICAL") as (service, web):
        await known(service, await silence(bus))
        await at_once(bus, "a", CRITICAL, 5)
        await at_once(bus, "b", WARNING, 6, host="b")
        await at_once(bus, "c", CRITICAL, 7, host="b")
        await web.came(1)
        assert web.told() == [("c", "CRITICAL", "OK")]
        await silence(bus, "s", "expired")
        await web.came(2)
        assert web.told()[1] == ("a", "CRITICAL", "OK")


async def test_two_alertings_and_a_restart(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    async with escalating(bus, tmp_path) as (one, web), running(bus, tmp_path / "two") as two:
        await asyncio.gather(one.log.caught_up(), two.log.caught_up())
        await at_once(bus, "a", WARNING, 5)
        await web.came(1)
        await asyncio.gather(one.log.caught_up(), two.log.caught_up())
        assert one.topics.by_name["boss"].collected == 1
    async with sink() as web:
        await give(bus, "boss", "post", post(web.url), what="updated")
        async with running(bus, tmp_path):
            await at_once(bus, "b", WARNING, 6)
            await web.came(1)
            assert web.told() == [("b", "WARNING", "OK")]


async def test_an_id_of_two_topics_ends_once_it_is_ok_in_both(bus: Bus, tmp_path: Path) -> None:
    async with escalating(bus, tmp_path) as (service, web):
        await give(bus, "mem", "up", {"kind": "escalate", "options": {"topic": "boss", "after": "300ms"}})
        await send(bus, alerts([("m", WARNING)], 4), 0, "mem")
        await send(bus, alerts([("a", OK)], 5), 0, "mem")
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await web.came(2)
        await send(bus, alerts([("m", OK)], 6), 0, "mem")
        await web.came(3)
        assert sorted(web.told()[:2]) == [("a", "WARNING", "OK"), ("m", "WARNING", "OK")]
        assert web.told()[2] == ("m", "OK", "WARNING"), "a is not OK in cpu"
        await send(bus, alerts([("a", OK)], 7), 0, "cpu")
        await web.came(4)
        await service.log.caught_up()
        assert web.told()[3:] == [("a", "OK", "WARNING")]
