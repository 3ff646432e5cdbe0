"""Topics tell on the bus of each change of a level, by themselves, once, and on where another alerting takes over."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.config import Config, Security
from services.alerting.delivery.notices import notice_handler, topic_of
from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.delivery.sharing import Participation
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.streams import NOTICES
from services.store.live_config import LiveConfig
from tests.support.alerts import CRITICAL, OK, WARNING, alerts, own_topic, send, started
from tests.unit.services.alerting.test_service import bus

__all__ = ["bus"]


@pytest.fixture(autouse=True)
async def notices(bus: Bus) -> AsyncIterator[None]:
    with contextlib.suppress(Exception):
        await bus._link.api(f"STREAM.DELETE.{NOTICES}")
    await bus.ensure_notices()
    yield


@contextlib.asynccontextmanager
async def publishing(
    bus: Bus, path: Path, publish: bool = True, effective: Any = None, **given_limits: Any
) -> AsyncIterator[Alerting]:
    membership = Participation("", 2.0, 0.4)
    given = {} if effective is None else effective
    limits = DeliveryLimits(**given_limits)
    async with Alerting(bus, path / "a.lmdb", given, limits, membership=membership, publish=publish) as service:
        yield service


async def told(bus: Bus) -> list[tuple[str, str, str, str]]:
    """Topic, id, level and the one before, of all that the stream has."""
    found = []
    for seq in range(1, await bus.last_sequence(NOTICES) + 1):
        message = await bus.get_message(NOTICES, seq)
        assert message is not None
        event = orjson.loads(message.data)
        data = event["data"]
        found.append((event["tickbustopic"], data["id"], data["level"], data["previousLevel"]))
    return found


async def test_each_change_of_a_level_is_told_without_a_handler(bus: Bus, tmp_path: Path) -> None:
    async with publishing(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", CRITICAL), ("b", OK), ("a", CRITICAL), ("a", WARNING)], 5), run)
        await send(bus, alerts([("a", WARNING)], 6), run)
        last = await send(bus, alerts([("a", OK)], 7), run, topic="disk")
        await service.log.folded(last)
        await service.dispatcher.drained()
    mine = own_topic()
    assert sorted(await told(bus)) == [(mine, "a", "CRITICAL", "OK"), (mine, "a", "WARNING", "CRITICAL")]


async def test_a_start_tells_nothing_again_and_an_alerting_that_takes_over_goes_on(bus: Bus, tmp_path: Path) -> None:
    async with publishing(bus, tmp_path / "one") as service:
        run = await started(bus, "t", 1)
        last = await send(bus, alerts([("a", CRITICAL)], 5), run)
        await service.log.folded(last)
        await service.dispatcher.drained()
    # it has handed over, with how far it was
    async with publishing(bus, tmp_path / "other") as service:
        last = await send(bus, alerts([("a", OK)], 6), run)
        await service.log.folded(last)
        await service.dispatcher.drained()
        assert service.dispatcher.counts.handled["nats"] == 1
    assert [level for _, _, level, _ in await told(bus)] == ["CRITICAL", "OK"]


async def test_what_was_there_before_anything_was_told_is_not_told_years_later(bus: Bus, tmp_path: Path) -> None:
    run = await started(bus, "t", 1)
    await send(bus, alerts([("a", CRITICAL)], 5), run)
    async with publishing(bus, tmp_path, retry_for=0.0) as service:
        await service.dispatcher.drained()
        await service.log.folded(await send(bus, alerts([("a", OK)], 6), run))
        await service.dispatcher.drained()
    assert await told(bus) == [(own_topic(), "a", "OK", "CRITICAL")]


async def test_what_could_not_be_told_waits_over_a_restart(bus: Bus, tmp_path: Path) -> None:
    async with publishing(bus, tmp_path) as service:
        await bus._link.api(f"STREAM.DELETE.{NOTICES}")
        run = await started(bus, "t", 1)
        last = await send(bus, alerts([("a", CRITICAL)], 5), run)
        await service.log.folded(last)
        assert service.stats()["waiting"] == 1
    await bus.ensure_notices()
    async with publishing(bus, tmp_path) as service:
        await service.dispatcher.drained()
    assert await told(bus) == [(own_topic(), "a", "CRITICAL", "OK")]


@pytest.mark.parametrize("how", ["publish", "disabled"])
async def test_nothing_is_told_where_that_is_switched_off(bus: Bus, tmp_path: Path, how: str) -> None:
    config = Config(security=Security(disable_handlers=("nats",))) if how == "disabled" else Config()
    async with publishing(bus, tmp_path, how != "publish", LiveConfig(config)) as service:
        run = await started(bus, "t", 1)
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        assert not service.dispatcher.queues
    assert await told(bus) == []


def test_a_key_names_its_topic_and_is_no_other_handler_s() -> None:
    assert topic_of(notice_handler("a/b").key) == "a/b"
    assert topic_of("topic/17/a") is None and topic_of("t/1/node/0") is None
