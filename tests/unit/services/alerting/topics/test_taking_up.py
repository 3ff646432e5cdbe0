"""Alerts that a topic takes up from another, with the real service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.alerting.service import Alerting
from services.alertlog import taking_up
from services.alertlog.alert_messages import alert_messages
from services.bus.connection import Bus
from services.bus.subjects import alert_subject
from services.columns.output_sequence import EventIds
from services.runtime.effects import TakeUp
from tests.support.alerts import CRITICAL, OK, SECOND, alerts, give, own_topic, post, run_event, send, sink, started
from tests.support.alerts import task_deleted as delete_task
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

STOOD = (CRITICAL, 7 * SECOND, SECOND)


def take_up(seq: int, *ids: str, stood: tuple[int, int, int] = STOOD, topic: str = own_topic()) -> TakeUp:
    n = len(ids)
    numbers = np.arange(n, dtype=np.int64)
    event_ids = EventIds(np.full(n, seq), numbers, np.zeros(n, dtype=np.int64), np.full(n, seq))
    return TakeUp("t", "alert2", topic, "named", list(ids), [stood] * n, event_ids)


async def take(bus: Bus, effect: TakeUp, run: int) -> None:
    for _, subject, data in alert_messages(effect, run, "", 200):
        await bus.publish(subject, data)


async def shown(bus: Bus) -> list[tuple[str, str, str]]:
    """Id, level and message of each event of the own topic."""
    found = (await ask(bus, "events", topic=own_topic()))["events"] or []
    return [(e["id"], e["state"]["level"], e["state"]["message"]) for e in found]


async def settled(service: Alerting) -> None:
    await service.log.caught_up()
    await service.dispatcher.drained()


@pytest.mark.parametrize("keep_store", [True, False])
async def test_handlers_are_told_the_level_that_was_taken_up(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            before = await started(bus, "t", 1, post(web.url + "/before"))
            told = alerts([("a", CRITICAL), ("b", CRITICAL)], 5)
            await send(bus, told, before, "named")
            await delete_task(bus, "t")
            run = await started(bus, "t", 2, post(web.url))
            stood = (CRITICAL, int(told.time[0]), 0)
            await take(bus, take_up(6, "a", stood=stood), run)
            await take(bus, take_up(7, *(f"more{i}" for i in range(20))), run)
            await settled(service)
            assert (await shown(bus))[0] == ("a", "CRITICAL", "a is CRITICAL")
            # the texts are the other topic's as long as it stands so
            assert {one[1:] for one in (await shown(bus))[1:]} == {("CRITICAL", "")}
            assert (await ask(bus, "topic", topic=own_topic()))["topic"]["collected"] == 0
            expected = await shown(bus)
            assert len(expected) == 21
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            assert await shown(bus) == expected
            await send(bus, alerts([("a", OK), ("b", OK), ("more1", CRITICAL)], 8), run)
            # a worker that goes back sends it again
            await take(bus, take_up(6, "a", stood=stood), run)
            await settled(service)
            assert web.told() == [("a", "OK", "CRITICAL"), ("b", "OK", "OK"), ("more1", "CRITICAL", "CRITICAL")]
            assert (await shown(bus))[0] == ("a", "OK", "a is OK")


async def test_of_a_run_before_the_deletion_nothing_is_left(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await take(bus, take_up(6, "a"), run)
        await settled(service)
        assert [one[0] for one in await shown(bus)] == ["a"]
        await run_event(bus, "t", "stopped", disabled=2)
        await delete_task(bus, "t")
        again = await started(bus, "t", 9)
        await take(bus, take_up(7, "b"), again)
        await settled(service)
        assert [one[0] for one in await shown(bus)] == ["b"]


async def test_a_topic_that_was_empty_keeps_its_handlers(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await give(bus, own_topic(), "h", post(web.url))
        await take(bus, take_up(6, "a"), run)
        await send(bus, alerts([("a", OK)], 7), run)
        await settled(service)
        assert web.told() == [("a", "OK", "CRITICAL")]


@pytest.mark.parametrize(
    "data",
    [
        b'{"takes-up":',
        b'{"takes-up":1,"task":"t","node":"n","started":1,"alerts":[["a",3,0,0,1,0,0]]}',
        b'{"takes-up":"x","task":"t","node":"n","started":1,"alerts":[]}',
        b'{"takes-up":"x","task":"t","node":"n","started":1,"alerts":[["a",4,0,0,1,0,0]]}',
        b'{"takes-up":"x","task":"t","node":"n","started":"1","alerts":[["a",3,0,0,1,0,0]]}',
        b'{"takes-up":"x","task":"t","node":"n","started":1,"alerts":[["a",3,0,0,1,0]]}',
        b'{"takes-up":"x","task":"t","node":"n","started":1,"alerts":[["a",3,0,0,1,0,10000000000000000000000]]}',
        b'{"takes-up":"x","task":"t","node":"n","started":1,"alerts":[{}]}',
    ],
)
async def test_what_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        taking_up.decode(data)


async def test_a_broken_message_is_counted_and_skipped(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        sent: Any = await bus.publish(alert_subject("x"), b'{"takes-up":"y"}')
        await service.log.folded(sent.seq)
        assert (service.fold.refused, service.topics.get("x")) == (1, None)
