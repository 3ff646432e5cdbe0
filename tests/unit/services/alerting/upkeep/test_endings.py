"""What becomes of the alerts that a deleted task has left, with the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.support.alerts import (
    BASE,
    CRITICAL,
    OK,
    SECOND,
    WARNING,
    alerts,
    give,
    own_topic,
    post,
    run_event,
    send,
    sink,
    started,
)
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

DELETED_AT = BASE + 100 * SECOND


async def delete(bus: Bus, how: str, task: str = "t") -> int:
    """A gateway deletes the task; the event's sequence."""
    headers, body = encode(Event("task", task, "deleted", {"position": 0, "alerts": how}, DELETED_AT))
    return (await bus.publish(f"tickbus.event.task.{task}.deleted", body, headers)).seq


async def settled(service: Alerting, after: int) -> None:
    """Everything of the deleted task is ended, and handled."""
    await service.projection.reached(after)
    async with asyncio.timeout(30):
        while service.upkeep.endings.pending("t"):
            await asyncio.sleep(0.01)
    await service.dispatcher.drained()


async def levels(bus: Bus, after: int, *topics: str) -> Mapping[str, Any]:
    found = await ask(bus, "levels", topics=list(topics), after=after)
    return {name: {id: level for id, (level, _, _) in topic.items()} for name, topic in found.items()}


async def test_kept_alerts_are_there_for_the_next_task_of_the_id(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL), ("b", WARNING)], 5), run)
        await delete(bus, "keep")
        over = await run_event(bus, "t", "stopped", disabled=2)
        assert await ask(bus, "topic", topic=own_topic(), after=over) == {"topic": None}
        assert await levels(bus, over, own_topic()) == {own_topic(): {"a": CRITICAL, "b": WARNING}}
        again = await started(bus, "t", 9, post(web.url + "/again"))
        await send(bus, alerts([("a", OK)], 6), again)
        await web.came(3)
        assert web.told("/again") == [("a", "OK", "CRITICAL")]
        # deleted otherwise they are gone
        await delete(bus, "forget")
        over = await run_event(bus, "t", "stopped", disabled=10)
        assert await levels(bus, over, own_topic()) == {}
        await settled(service, over)
        assert len(web.posts) == 3


@pytest.mark.parametrize("keep_store", [True, False])
async def test_the_end_of_alerts_is_told_to_those_who_were_told_of_them(
    bus: Bus, tmp_path: Path, keep_store: bool
) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            await give(bus, "named", "h", post(web.url + "/named"))
            other = await started(bus, "other", 1)
            run = await started(bus, "t", 2, post(web.url + "/own"))
            told = alerts([("a", CRITICAL), ("b", OK), ("c", WARNING)], 5, details=None)
            await send(bus, told, run)
            await send(bus, told, run, "named")
            await send(bus, alerts([("c", WARNING), ("d", CRITICAL)], 6, task="other"), other, "named")
            await send(bus, replace(alerts([("e", CRITICAL)], 7), recoverable=False), run)
            await service.log.caught_up()
            await service.dispatcher.drained()
            before = len(web.posts)
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        # the deletion comes while nobody is there, and the run is not over yet
        await delete(bus, "end")
        async with running(bus, tmp_path) as service:
            # what its worker still had on its way is folded before
            await send(bus, alerts([("f", CRITICAL)], 8), run)
            assert service.upkeep.endings.pending("t")
            over = await run_event(bus, "t", "stopped", disabled=service.projection.runs.deleted("t"))
            await settled(service, over)
            await web.came(before + 5)
            ended = web.events()[before:]
            own = [e for path, _, _ in web.posts[before:] for e in [ended.pop(0)] if path == "/own"]
            assert [(e["id"], e["level"], e["previousLevel"]) for e in own] == [
                ("f", "CRITICAL", "OK"),
                ("a", "OK", "CRITICAL"),
                ("c", "OK", "WARNING"),
                ("f", "OK", "CRITICAL"),
            ]
            # of what others have raised since, nothing has ended
            assert web.told("/named")[-1] == ("a", "OK", "CRITICAL")
            assert await levels(bus, over, "named", own_topic()) == {"named": {"a": OK, "b": OK, "c": 2, "d": 3}}
            [end] = [e for e in web.events("/named") if (e["id"], e["level"]) == ("a", "OK")]
            assert end == {
                "id": "a",
                "message": "a is OK: its task was deleted",
                "details": "a is OK: its task was deleted",
                "time": "2023-11-14T22:15:00Z",
                "duration": 95 * SECOND,
                "level": "OK",
                "data": {
                    "series": [
                        {
                            "name": "cpu",
                            "tags": {"host": "a"},
                            "columns": ["time", "v"],
                            "values": [["2023-11-14T22:15:00Z", 1.5]],
                        }
                    ]
                },
                "previousLevel": "CRITICAL",
                "recoverable": True,
            }
        # once is enough
        count = len(web.posts)
        for _ in range(2):
            async with running(bus, tmp_path) as service:
                await settled(service, over)
            (tmp_path / "alerting.lmdb").unlink()
        assert len(web.posts) == count


async def test_a_task_that_does_not_run_ends_its_alerts_too(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await run_event(bus, "t", "stopped", disabled=2)
        deleted = await delete(bus, "end")
        await settled(service, deleted)
        assert web.told() == [("a", "CRITICAL", "OK"), ("a", "OK", "CRITICAL")]
        assert service.topics.get(own_topic()) is None


async def test_the_next_run_does_not_begin_before_the_alerts_have_ended(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", CRITICAL)], 5), run, "named")
        deleted = await delete(bus, "end")
        asked = asyncio.create_task(levels(bus, deleted, "named"))
        await service.projection.reached(deleted)
        over = await run_event(bus, "t", "stopped", disabled=deleted)
        assert await asked == {"named": {"a": OK}}
        again = await started(bus, "t", 20)
        await send(bus, alerts([("a", CRITICAL)], 9), again, "named")
        await service.log.caught_up()
        service.upkeep.endings.begin("t")
        await settled(service, over)
        assert await levels(bus, 0, "named") == {"named": {"a": CRITICAL}}
