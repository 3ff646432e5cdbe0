"""Mutes with the real service: for all handlers or some, by windows, over restarts and with silences."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.alerting.silencing.ends import HoldingEnds
from services.alerting.silencing.mutes import Mutes
from services.alerting.topics.runs import BoundHandler
from services.alertlog.matchers import Labels
from services.bus.connection import Bus
from services.bus.events import Event, encode
from services.bus.positions import EventsSeq
from services.store.folds.oncall.mutes import MuteRecord
from tests.support.alerts import CRITICAL, OK, WARNING, alerts, give, own_topic, post, send, sink, started
from tests.unit.services.alerting.silencing.test_silences import labels, matching
from tests.unit.services.alerting.silencing.test_silencing import ON_A, known, silence, told
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

DAY = 86400 * 10**9
EVERY_DAY = {"weekdays": ["sunday:saturday"]}


async def mute(bus: Bus, what: str = "created", id: str = "m", **more: Any) -> int:
    """A gateway mutes the host a, always; the event's sequence."""
    data = {"matchers": [ON_A], "handlers": [], "intervals": [EVERY_DAY], "created-by": "me", "comment": "", **more}
    headers, body = encode(Event("mute", id, what, data if what != "deleted" else {}, time.time_ns()))
    return (await bus.publish(f"tickbus.event.mute.{id}.{what}", body, headers)).seq


def record(id: str, interval: dict[str, Any], *matchers: dict[str, Any], handlers: tuple[str, ...] = ()) -> MuteRecord:
    return MuteRecord(id, list(matchers), list(handlers), [interval], 0, 0, "me", "", EventsSeq(1))


async def test_it_is_kept_from_handlers_and_told_at_the_end(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", WARNING)], 4), run)
        assert await told(service, web, 1) == [("a", "WARNING", "OK")]
        await known(service, await mute(bus))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), run)
        assert (await told(service, web, 2))[1:] == [("b", "CRITICAL", "OK")]
        event = (await ask(bus, "event", topic=own_topic(), event="a"))["event"]
        assert event["state"]["level"] == "CRITICAL" and event["muted-by"] == ["m"]
        assert service.stats()["muted"] == 1
        # another comment changes nothing
        await known(service, await mute(bus, "changed", comment="why"))
        await send(bus, alerts([("a", CRITICAL)], 7), run)
        await service.log.caught_up()
        assert service.stats()["muted"] == 2
        await mute(bus, "changed", intervals=[{"years": ["1999"]}])
        assert (await told(service, web, 3))[2:] == [("a", "CRITICAL", "WARNING")]


async def test_some_handlers_only(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, sink() as other, running(bus, tmp_path) as service:
        await give(bus, "cpu", "night", post(web.url))
        await give(bus, "cpu", "day", post(other.url))
        await known(service, await mute(bus, handlers=["night"]))
        await send(bus, alerts([("a", WARNING)], 5), 0, "cpu")
        await send(bus, alerts([("a", CRITICAL)], 6), 0, "cpu")
        await send(bus, alerts([("b", CRITICAL)], 7, host="b"), 0, "cpu")
        await web.came(1)
        assert await told(service, other, 3) == [
            ("a", "WARNING", "OK"),
            ("a", "CRITICAL", "WARNING"),
            ("b", "CRITICAL", "OK"),
        ]
        assert web.told() == [("b", "CRITICAL", "OK")]
        # the handler is changed meanwhile, and all are silenced: what is told is told once to each
        await give(bus, "cpu", "night", post(web.url), what="updated")
        await known(service, await silence(bus))
        await send(bus, alerts([("a", OK)], 8), 0, "cpu")
        await service.log.caught_up()
        await known(service, await silence(bus, "s", "expired"))
        assert (await told(service, other, 4))[3:] == [("a", "OK", "CRITICAL")]
        await send(bus, alerts([("a", WARNING)], 9), 0, "cpu")
        assert (await told(service, other, 5))[4:] == [("a", "WARNING", "OK")]
        await mute(bus, "deleted")
        assert (await told(service, web, 2))[1:] == [("a", "WARNING", "OK")]
        assert len(other.told()) == 5


async def test_what_is_muted_is_remembered_over_a_restart_and_without_its_store(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            await give(bus, "cpu", "night", post(web.url))
            await known(service, await mute(bus, handlers=["post"]))
            await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
            await service.log.caught_up()
        async with running(bus, tmp_path) as service:
            assert service.topics.by_name["cpu"].held_of == {"post/night": {"a": 0}}
        (tmp_path / "alerting.lmdb").rename(tmp_path / "gone")
        async with running(bus, tmp_path) as service:
            await service.log.caught_up()
            assert service.topics.by_name["cpu"].held_of == {"post/night": {"a": 0}}
            await mute(bus, "deleted")
            assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
            assert not service.topics.by_name["cpu"].held_of


async def test_another_alerting_takes_over(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    async with sink() as web, running(bus, tmp_path / "two") as two:
        async with running(bus, tmp_path) as one:
            await give(bus, "cpu", "night", post(web.url))
            seq = await mute(bus, handlers=["night"])
            await asyncio.gather(known(one, seq), known(two, seq))
            await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
            await asyncio.gather(one.log.caught_up(), two.log.caught_up())
        await mute(bus, "deleted")
        await send(bus, alerts([("b", CRITICAL)], 6, host="b"), 0, "cpu")
        await web.came(2)
        assert sorted(web.told()) == [("a", "CRITICAL", "OK"), ("b", "CRITICAL", "OK")]


async def test_what_was_stored_before_it_was_made_is_not_muted(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        await give(bus, "cpu", "night", post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
        await mute(bus)
        async with running(bus, tmp_path) as service:
            assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]


async def test_the_end_of_a_window_is_told(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "cpu", "night", post(web.url))
        today = f"{datetime.now(UTC):%A}"
        await known(service, await mute(bus, intervals=[{"weekdays": [today]}]))
        await send(bus, alerts([("a", CRITICAL)], 5), 0, "cpu")
        await service.log.caught_up()
        assert not web.told()
        ends = HoldingEnds(
            bus, service.log, service.topics, service.holding, lambda shard: True, lambda: time.time_ns() + DAY
        )
        looking = asyncio.create_task(ends.run())
        assert await told(service, web, 1) == [("a", "CRITICAL", "OK")]
        looking.cancel()


def test_by_windows_matchers_and_handlers() -> None:
    monday = 4 * DAY  # of January 1970
    found = Mutes(
        lambda: [
            record("night", {"times": ["22:00-24:00"]}, matching("topic", "cpu")),
            record("monday", {"weekdays": ["monday"]}, matching("host", "[ab]", is_regex=True)),
            record("mails", {"weekdays": ["sunday:monday"]}, handlers=("smtp", "pager")),
            record("bad", {"times": ["never"]}),
        ]
    )

    def ids(of: Labels, time_ns: int) -> list[str]:
        return sorted(one.record.id for one in found.of(of, time_ns))

    assert ids(labels(), monday - 1) == ["mails", "night"]
    assert ids(labels(), monday) == ["mails", "monday"]
    assert ids(labels("c"), monday) == ["mails"]
    assert ids(labels(), monday + DAY) == [] and not found.any_at(monday + DAY)
    assert found.next_change(monday + DAY) == monday + DAY + 22 * 3600 * 10**9
    assert found.last_change(monday + DAY) == monday + DAY
    (mails,) = found.of(labels("c"), monday)
    handlers = [
        BoundHandler("", "cpu", kind, {}, id=id) for kind, id in (("smtp", "x"), ("post", "pager"), ("post", "x"))
    ]
    assert [mails.is_for(one) for one in (*handlers, None)] == [True, True, False, False]


def test_a_thousand_of_them_cost_an_alert_little() -> None:
    found = Mutes(
        lambda: [
            record(str(i), EVERY_DAY | {"location": "Europe/Berlin"}, matching("host", f"host{i}"))
            for i in range(1_000)
        ]
    )
    alerts = [labels(f"host{i % 2_000}", id=str(i)) for i in range(20_000)]
    assert found.any_at(DAY)
    began = time.process_time()
    muted = sum(bool(found.of(one, DAY + i)) for i, one in enumerate(alerts))
    assert muted == 10_000
    assert time.process_time() - began < 20_000 * 100e-6  # under 10 us where nothing else runs
