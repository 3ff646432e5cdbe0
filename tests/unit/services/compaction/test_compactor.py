"""Compacting a real log, under the eyes of folds that follow it, were away, or begin with nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.events import Event, decode, encode
from services.bus.leases.claims import TTL_SECONDS
from services.bus.subjects import alert_subject
from services.compaction import compactor as module
from services.compaction.compactor import Compactor
from services.store.compaction import Missed, compaction_of
from services.store.folds import tasks
from services.store.projection import Projection
from services.store.store import Store
from tests.support.buckets import any_bucket
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

SHAPE = {"type": "stream", "script": "stream|from()", "dbrps": [{"db": "d", "rp": "r"}], "vars": {}, "created": "x"}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as connection:
        await connection.ensure_streams()
        for stream in ("EVENTS", "ALERTS"):
            await connection._link.api(f"STREAM.PURGE.{stream}")
        yield connection


@pytest.fixture
async def claims(bus: Bus) -> Bucket:
    return await any_bucket(bus, "claims", ttl=TTL_SECONDS)


async def tell(bus: Bus, kind: str, name: str, what: str, **data: Any) -> int:
    event = Event(kind, name, what, data, time.time_ns())
    headers, body = encode(event)
    return (await bus.publish(event.subject, body, headers)).seq


async def live(bus: Bus, id: str) -> int:
    """A task is defined as enabled, and runs."""
    enabled = await tell(bus, "task", id, "defined", id=id, status="enabled", position=1, **SHAPE)
    await tell(bus, "run", id, "started", enabled=enabled, position=1, worker="w")
    return enabled


async def die(bus: Bus, id: str) -> None:
    deleted = await tell(bus, "task", id, "deleted", position=2)
    await tell(bus, "run", id, "stopped", disabled=deleted)


async def following(bus: Bus, path: Path) -> tuple[Store, Projection[Event]]:
    store = Store.open(path, "test", durable=False)
    projection: Projection[Event] = Projection(store, tasks.fold, "EVENTS", forget=tasks.forget, records=tasks.RECORDS)
    await projection.start(bus, tasks.SUBJECTS, decode)
    return store, projection


async def left(bus: Bus) -> dict[str, int]:
    """How many events there are, by the kind and id of what they are of."""
    found: dict[str, int] = {}
    for subject, count in (await bus.subjects_of("EVENTS", "tickbus.event.>")).items():
        kind, id = subject.split(".")[2:4]
        if kind != "compaction":
            found[f"{kind}/{id}"] = found.get(f"{kind}/{id}", 0) + count
    return found


async def test_what_is_no_more_goes_and_folds_are_right_however_they_came_to_it(
    bus: Bus, claims: Bucket, tmp_path: Path
) -> None:
    compactor = Compactor(bus, claims, "c", 1)
    await live(bus, "stays")
    for i in range(20):
        await live(bus, f"t{i}")
    away_store, away = await following(bus, tmp_path / "away")
    await away.stop()
    away_store.close()
    store, there = await following(bus, tmp_path / "there")
    for i in range(20):
        await die(bus, f"t{i}")
    # it is announced first; whoever has seen that has seen all of it
    await compactor.cycle()
    assert (await left(bus))["task/t0"] == 2
    await compactor.cycle()
    assert await left(bus) == {"task/stays": 1, "run/stays": 1}
    await there.reached(await bus.last_subject_sequence("tickbus.event.compaction.>"), 5)
    assert set(there.state.bucket(tasks.TASKS)) == set(there.state.bucket(tasks.LAST)) == {"stays"}
    assert not there.state.bucket(tasks.STOPPED) and not there.state.bucket(tasks.ENDED)
    for name in ("away", "new"):
        other_store, other = await following(bus, tmp_path / name)
        assert dict(other.state.bucket(tasks.TASKS)) == dict(there.state.bucket(tasks.TASKS)), name
        await other.stop()
        other_store.close()
    # with nothing to do nothing is done
    end = await bus.last_sequence("EVENTS")
    await compactor.cycle()
    await compactor.cycle()
    assert await bus.last_sequence("EVENTS") == end
    # and it is a log as any: an id may be used again
    await live(bus, "t0")
    await there.reached(await bus.last_subject_sequence("tickbus.event.>"), 5)
    assert tasks.task_of(there.state, "t0") is not None
    await there.stop()
    store.close()


@pytest.mark.parametrize("kind", ["task", "run"])
async def test_what_a_later_version_has_told_of_stays_whole(bus: Bus, claims: Bucket, kind: str) -> None:
    """A recorder that is not yet of that version does not know what it would remove."""
    compactor = Compactor(bus, claims, "c", 1)
    for id in ("kept", "gone"):
        await live(bus, id)
        await die(bus, id)
    await tell(bus, kind, "kept", "brought-back")
    before = await left(bus)
    for _ in range(3):
        await compactor.cycle()
    after = await left(bus)
    assert after == {name: count for name, count in before.items() if name.endswith("/kept")}


async def test_a_task_that_is_switched_again_and_again(bus: Bus, claims: Bucket, tmp_path: Path) -> None:
    compactor = Compactor(bus, claims, "c", 1)
    enabled = await live(bus, "t")
    store, there = await following(bus, tmp_path / "there")
    for _ in range(30):
        await tell(bus, "run", "t", "started", enabled=enabled, position=1, worker="another")
        disabled = await tell(bus, "task", "t", "disabled", position=2)
        await tell(bus, "run", "t", "stopped", disabled=disabled)
        enabled = await tell(bus, "task", "t", "enabled", position=3)
        await tell(bus, "run", "t", "started", enabled=enabled, position=3, worker="w", remembered="first")
    await there.reached(await bus.last_subject_sequence("tickbus.event.run.>"), 5)
    expected = dict(there.state.bucket(tasks.TASKS))
    for _ in range(2):
        await compactor.cycle()
    assert sum((await left(bus)).values()) < 10
    other_store, other = await following(bus, tmp_path / "new")
    assert dict(other.state.bucket(tasks.TASKS)) == expected == dict(there.state.bucket(tasks.TASKS))
    for projection, of in ((there, store), (other, other_store)):
        await projection.stop()
        of.close()


async def test_of_a_task_whose_alerts_are_in_the_log_its_deletion_stays(bus: Bus, claims: Bucket) -> None:
    compactor = Compactor(bus, claims, "c", 1)
    for id in ("told", "quiet"):
        await live(bus, id)
        await die(bus, id)
    await bus.publish(alert_subject("main:told:alert2"), b"{}")
    for _ in range(2):
        await compactor.cycle()
    assert await left(bus) == {"task/told": 1, "run/told": 1}
    await bus._link.api("STREAM.PURGE.ALERTS")
    await live(bus, "another")
    await die(bus, "another")
    for _ in range(2):
        await compactor.cycle()
    assert await left(bus) == {}


async def test_whoever_breaks_off_leaves_no_half_lives(
    bus: Bus, claims: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each step: a fold that reads what is left at that moment has none of it, and the next one goes on."""
    for id in ("a", "b"):
        await live(bus, id)
        await die(bus, id)
    await Compactor(bus, claims, "c", 1).cycle()

    class Broken(Exception):
        pass

    purge, left_over = Bus.purge, 0

    async def breaking(self: Bus, stream: str, subject: str, through: int) -> int:
        nonlocal left_over
        if left_over == 0:
            raise Broken
        left_over -= 1
        return await purge(self, stream, subject, through)

    for steps in range(5):
        left_over = steps
        monkeypatch.setattr(Bus, "purge", breaking)
        with pytest.raises(Broken):
            await Compactor(bus, claims, "c", 1).cycle()
        monkeypatch.undo()
        assert not (await compaction_of(bus, "EVENTS")).done
        store, fold = await following(bus, tmp_path / f"at-{steps}")
        assert not fold.state.bucket(tasks.TASKS) and not fold.state.bucket(tasks.ENDED)
        await fold.stop()
        store.close()
    await Compactor(bus, claims, "another", 1).cycle()
    assert (await compaction_of(bus, "EVENTS")).done and await left(bus) == {}


async def test_one_compacts_at_a_time(bus: Bus, claims: Bucket) -> None:
    key = module._CLAIM
    await claims.create(key, b"another")
    await live(bus, "a")
    await die(bus, "a")
    compactor = Compactor(bus, claims, "c", 1)
    for _ in range(3):
        await compactor.cycle()
    assert (await compaction_of(bus, "EVENTS")).seq == 0
    await claims.delete(key)


async def test_who_missed_part_of_the_log_while_it_ran_begins_anew(bus: Bus, claims: Bucket, tmp_path: Path) -> None:
    """It stood still, or was cut off, for longer than a cycle."""
    compactor = Compactor(bus, claims, "c", 1)
    await live(bus, "a")
    store, there = await following(bus, tmp_path / "there")
    reading = there._following
    assert reading is not None
    reading.cancel()
    await asyncio.wait([reading])
    await die(bus, "a")
    for _ in range(2):
        await compactor.cycle()
    caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    caught_up.set_result(None)
    subjects = [*tasks.SUBJECTS, "tickbus.event.compaction.>"]
    with pytest.raises(Missed):
        await there._follow(bus, subjects, decode, caught_up, await compaction_of(bus, "EVENTS"))
    await there.stop()
    store.close()
    store, again = await following(bus, tmp_path / "there")
    assert not again.state.bucket(tasks.TASKS)
    await again.stop()
    store.close()
