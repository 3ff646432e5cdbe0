"""Several alertings in one process, as far as others can tell: what they answer, and who sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.requests.alerting import DONE
from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.delivery.shards import SHARDS, shard_of_key, shard_of_topic
from services.alerting.delivery.sharing import Participation
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.buckets.kv import Entry
from services.bus.connection import Bus
from services.bus.leases import membership
from services.bus.leases.membership import Replaced
from services.bus.streams import ALERTS
from services.bus.subjects import request_subject
from services.gateway.clients.alerting import AlertingClient
from tests.support.alerts import CRITICAL, OK, alerts, give, own_topic, post, replay_started, send, sink, started
from tests.unit.services.alerting.test_service import ask, bus

__all__ = ["bus"]

TASKS = 8


@contextlib.asynccontextmanager
async def alerting(bus: Bus, path: Path, name: str = "", ttl: float = 2.0, **limits: Any) -> AsyncIterator[Alerting]:
    """One of several, with its store in this directory, answering."""
    membership = Participation(name, ttl, ttl / 5)
    async with Alerting(bus, path / "alerting.lmdb", {}, DeliveryLimits(**limits), membership=membership) as service:
        responders = AlertingResponders(bus, service)
        try:
            yield service
        finally:
            responders.stop()


async def until(condition: Callable[[], Any], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


async def shared(*services: Alerting) -> None:
    """Wait until all topics are held, some by each."""
    await until(lambda: all(s.sharing.shards for s in services) and sum(s.sharing.shards for s in services) == SHARDS)


def holder(topic: str, *services: Alerting) -> Alerting:
    """Who runs the handlers of a topic."""
    return next(service for service in services if service.sharing.has(shard_of_topic(topic)))


async def test_each_event_is_sent_by_one_and_all_answer_the_same(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        assert a.name != b.name
        await shared(a, b)
        runs = [await started(bus, f"t{i}", 1, post(f"{web.url}/{i}")) for i in range(TASKS)]
        for seq in (1, 2):
            for i, run in enumerate(runs):
                level = CRITICAL if seq == 1 else OK
                await send(bus, alerts([("x", level), ("y", level)], seq, task=f"t{i}"), run)
        await web.came(4 * TASKS)
        for one in (a, b):
            await one.log.caught_up()
            await until(lambda one=one: not one.dispatcher.queues)  # type: ignore[misc]
        assert len(web.posts) == 4 * TASKS
        assert a.dispatcher.counts.handled["post"] + b.dispatcher.counts.handled["post"] == 4 * TASKS
        assert a.view.names() == b.view.names() and len(a.view.names()) == TASKS
        levels = [[topic.levels().of() for topic in one.topics.by_name.values()] for one in (a, b)]
        assert levels[0] == levels[1]
        told = await AlertingClient(bus, lambda: 0).stats(2)
        assert {one["alerting"] for one in told} == {a.name, b.name}
        assert sum(one["shards"] for one in told) == SHARDS and sum(one["handled"] for one in told) == 4 * TASKS


async def test_what_waits_moves_to_who_joins_and_back(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        web.answer = lambda path, before: 204 if web.late.is_set() else 503
        async with alerting(bus, tmp_path / "a") as a:
            runs = [await started(bus, f"t{i}", 1, post(f"{web.url}/{i}")) for i in range(TASKS)]
            for i, run in enumerate(runs):
                for seq in (1, 2, 3):
                    await send(bus, alerts([(f"n{seq}", CRITICAL)], seq, task=f"t{i}"), run)
            await web.came(TASKS)
            async with alerting(bus, tmp_path / "b") as b:
                await shared(a, b)
                for one in (a, b):
                    assert one.stats()["waiting"] == 3 * sum(
                        holder(own_topic(f"t{i}"), a, b) is one for i in range(TASKS)
                    )
            await shared(a)
            web.late.set()
            await until(lambda: a.stats()["waiting"] == 0)
            last = [[e["id"] for e in web.events(f"/{i}")][-3:] for i in range(TASKS)]
            assert last == [["n1", "n2", "n3"]] * TASKS


async def test_what_waits_takes_bounded_memory_wherever_it_is_handled(bus: Bus, tmp_path: Path) -> None:
    """More waits than is held in memory; then some of it is done, and who did that is heard no more."""
    count, limit, topic = 300, 20_000, own_topic()
    async with (
        sink() as web,
        alerting(bus, tmp_path / "a", bytes=limit) as a,
        alerting(bus, tmp_path / "b", bytes=limit) as b,
    ):
        await shared(a, b)
        web.is_late = lambda path, before: before == count // 2
        web.open.clear()
        run = await started(bus, "t", 1, post(web.url))
        for i in range(count):
            last = await send(bus, alerts([(f"n{i}", CRITICAL if i % 2 else OK)], i + 5), run)
        former = holder(topic, a, b)
        other = b if former is a else a
        for one in (a, b):
            await one.log.folded(last)
            (queue,) = one.dispatcher.queues.values()
            assert (queue.messages, queue.waiting()) == (count, count)
            assert queue.bytes == one.dispatcher._kept_bytes < 1.5 * limit and len(queue.entries) < count / 3
        assert (former.stats()["waiting"], other.stats()["waiting"]) == (count, 0)
        web.open.set()
        (queue,) = other.dispatcher.queues.values()
        await until(lambda: queue.messages == queue.waiting() == count // 2)
        await former.sharing._members._in_thread(former.sharing._members._silence())
        await until(lambda: not other.dispatcher.queues)
        web.late.set()
        for one in (a, b):
            await until(lambda one=one: not one.dispatcher.queues)  # type: ignore[misc]
            assert one.dispatcher._kept_bytes == 0
        ids = [event["id"] for event in web.events()]
        assert ids.count(f"n{count // 2}") == 2, "it was on its way"
        assert list(dict.fromkeys(ids)) == [f"n{i}" for i in range(count)] and len(ids) == count + 1


async def test_what_another_has_done_is_passed_over_where_it_is_kept(bus: Bus, tmp_path: Path) -> None:
    """The bus may tell of more than is held in memory."""
    count = 200
    async with alerting(bus, tmp_path / "a", bytes=1) as a, alerting(bus, tmp_path / "b", bytes=1) as b:
        await shared(a, b)
        run = await started(bus, "t", 1, post("http://127.0.0.1:1"))
        seqs = [await send(bus, alerts([("x", CRITICAL)], i + 5), run) for i in range(count)]
        former = holder(own_topic(), a, b)
        other = b if former is a else a
        await other.log.folded(seqs[-1])
        (queue,) = other.dispatcher.queues.values()
        other._state_store.done(queue.of.key, (seqs[149], 1))
        other.dispatcher.learned(queue.of.key, (seqs[149], 1))
        assert queue.messages == queue.waiting() == count - 150 and queue.next == (seqs[150], 0)
        await other._state_store.save(other.dispatcher)
        with other._store.read() as tx:
            assert len(tx.items("queues")) == count - 150


async def test_a_shard_is_kept_while_something_is_sent_that_takes_long(bus: Bus, tmp_path: Path) -> None:
    """A command that runs is not run once more by who joins."""
    script = f"echo ran >> {tmp_path}/ran; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    command = {"kind": "exec", "options": {"prog": "/bin/sh", "args": ["-c", script]}}
    async with sink() as web, alerting(bus, tmp_path / "a") as a:
        for i in range(TASKS):
            run = await started(bus, f"t{i}", 1, command, post(f"{web.url}/{i}"))
            await send(bus, alerts([("x", CRITICAL)], 1, task=f"t{i}"), run)
        ran = tmp_path / "ran"
        await until(lambda: ran.exists() and len(ran.read_text().split()) == TASKS)
        await until(lambda: len(a.dispatcher.occupied(1.0)) > 2)
        async with alerting(bus, tmp_path / "b") as b:
            busy = a.dispatcher.occupied(1.0)
            await until(lambda: b.sharing.shards > 0)
            assert all(a.sharing.has(shard) for shard in busy)
            (tmp_path / "go").touch()
            await shared(a, b)
            await until(lambda: not a.dispatcher.queues and not b.dispatcher.queues)
        assert len(ran.read_text().split()) == TASKS == len(web.posts)


async def test_what_arrives_while_a_shard_is_handed_over_is_told(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        await shared(a, b)
        run = await started(bus, "t", 1, post(web.url))
        web.open.clear()
        await send(bus, alerts([("x", CRITICAL)], 1), run)
        await web.came(1)
        shard, former = {shard_of_topic(own_topic())}, holder(own_topic(), a, b)
        bucket = await bus.bucket("tickbus-alerting")
        async with asyncio.timeout(20):
            told: dict[str, Any] = {"behind": {}}
            while not told["behind"]:  # the bus is to know that it waits
                await asyncio.sleep(0.01)
                entry = await bucket.get(f"progress.{min(shard)}")
                told = orjson.loads(entry.value) if entry is not None else told
        releasing = asyncio.create_task(former.sharing._release(shard))
        await until(lambda: not former.sharing.has(min(shard)))
        web.open.set()
        assert await releasing == shard
        body = orjson.loads((await bucket.entries(f"progress.{min(shard)}"))[0].value)
        assert body["behind"] == {}
        next_one = b if former is a else a
        await until(lambda: not next_one.dispatcher.queues)


async def test_a_shard_is_kept_until_what_is_being_told_of_it_is_known(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who takes it over may send once more what was sent."""
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        await shared(a, b)
        shard, former = shard_of_topic(own_topic()), holder(own_topic(), a, b)
        bucket, telling, go_on = former.sharing._progress._bucket, asyncio.Event(), asyncio.Event()
        update = bucket.update

        async def slowly(key: str, value: bytes, revision: int) -> int:
            if key == f"progress.{shard}" and web.posts and not former.dispatcher.queues:
                telling.set()
                await go_on.wait()
            return await update(key, value, revision)

        monkeypatch.setattr(bucket, "update", slowly)
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("x", CRITICAL)], 1), run)
        async with asyncio.timeout(20):
            await telling.wait()
        assert shard not in former.sharing._progress.touched, "nothing has come since"
        releasing = asyncio.create_task(former.sharing._release({shard}))
        await asyncio.wait([releasing], timeout=0.2)
        assert not releasing.done()
        go_on.set()
        assert await releasing == {shard}


async def test_any_tells_what_waits_of_a_replay(bus: Bus, tmp_path: Path) -> None:
    topic = "r:t:alert2"
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        await shared(a, b)
        web.open.clear()
        run = await replay_started(bus, "r", "t", post(web.url))
        await send(bus, replace(alerts([("x", CRITICAL), ("y", OK)], 1), replay="r"), run, topic)
        await web.came(1)
        assert await a.unhandled("r:t") == await b.unhandled("r:t") == (2, 1)
        web.open.set()
        await web.came(2)
        for one in (a, b):
            async with asyncio.timeout(20):
                while (await one.unhandled("r:t"))[0]:
                    await asyncio.sleep(0.01)


async def test_a_deletion_stands_in_the_log_once_and_all_answers_know_of_it(bus: Bus, tmp_path: Path) -> None:
    async with alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b"):
        run = await started(bus, "t", 1)
        asked = AlertingClient(bus, lambda: 0)
        for seq in range(1, 6):
            await send(bus, alerts([("x", CRITICAL)], seq), run, "named")
            await a.log.caught_up()
            await asked.delete("named")
            assert [await asked.topic("named") for _ in range(5)] == [None] * 5
        assert await bus.last_sequence(ALERTS) == 10


async def test_a_service_is_tested_by_one(bus: Bus, tmp_path: Path) -> None:
    async with alerting(bus, tmp_path / "a"), alerting(bus, tmp_path / "b"):
        await bus.last_sequence(ALERTS)
        question = orjson.dumps({"name": "httppost", "options": {"endpoint": "none"}})
        assert len(await bus.request_all(request_subject("alerting", "test"), question, 2, 0.5)) == 1
        assert len(await bus.request_all(request_subject("alerting", "tests"), b"{}", 2, 5.0)) == 2


async def test_what_was_collected_is_not_collected_again(bus: Bus, tmp_path: Path) -> None:
    """The one that collects is gone, without a word, once what it made is in the log."""
    together = {"id": "sum", "interval": 2 * 10**8, "topic": "sums", "message": "{{ .Count }}"}
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        await shared(a, b)
        await give(bus, "named", "h", {"kind": "aggregate", "options": together})
        await give(bus, "sums", "h", post(web.url))
        run = await started(bus, "t", 1)
        for seq in range(1, 40):
            await send(bus, alerts([(f"n{seq}", CRITICAL)], seq), run, "named")
            await asyncio.sleep(0.01)
            if seq == 20:
                shard, former = {shard_of_topic("named")}, holder("named", a, b)
                former.sharing._leases._lose(shard)
                next_one = (b if former is a else a).sharing
                next_one._leases.owned |= shard
                await next_one._gain(shard)
        await until(lambda: sum(int(e["message"]) for e in web.events()) >= 39)
        ids = [line.partition(" ")[0] for e in web.events() for line in e["details"].split("\n")]
        assert ids == [f"n{seq}" for seq in range(1, 40)]


async def test_the_later_of_one_name_waits_and_the_former_ends(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "_here", lambda: {"machine": "another", "pid": 1})
    async with alerting(bus, tmp_path / "a", "one", 1.0) as a:
        assert a.sharing.shards == SHARDS
        members = a.sharing._members
        async with alerting(bus, tmp_path / "b", "one", 1.0) as b:
            assert b.sharing.shards == 0 and (await ask(bus, "topics")) == {"topics": []}
            await members._in_thread(members._silence())  # it is heard no more
            await shared(b)
            await until(lambda: not a.sharing._leases.standing)
            with pytest.raises(Replaced):
                await members._in_thread(members._beat())


def test_the_shard_of_a_handler_is_that_of_its_topic() -> None:
    assert shard_of_key("topic/7/a/b") == shard_of_topic("a/b")
    assert shard_of_key("3/0/alert2/t") == shard_of_topic(own_topic("t"))
    assert shard_of_key("3/0/alert2/r:t/u") == shard_of_topic("r:t/u:alert2")
    with pytest.raises(ValueError, match="not a handler's key"):
        shard_of_key("nonsense")


async def test_progress_that_cannot_be_is_not_used(bus: Bus, tmp_path: Path) -> None:
    created = (await bus.stream_state(ALERTS)).created
    bucket = await bus.bucket("tickbus-alerting")
    bodies = [orjson.dumps({"log": created, "position": 10**9, "behind": {}}), b"{", b"[]", b'{"log": 1}']

    async def garbage() -> None:
        for shard in range(SHARDS):
            await bucket.put(f"progress.{shard}", bodies[shard % len(bodies)])
        await bucket.put("nonsense", b"{}")
        bus.broadcast(DONE, b"[]")
        bus.broadcast(DONE, orjson.dumps({"log": created, "of": "x", "done": {"nonsense": [1, 2]}}))

    async def told(shard: int) -> Entry:
        entry = await bucket.get(f"progress.{shard}")
        assert entry is not None
        return entry

    await garbage()
    async with sink() as web, alerting(bus, tmp_path / "a") as a, alerting(bus, tmp_path / "b") as b:
        await shared(a, b)
        runs = [await started(bus, f"t{i}", 1, post(f"{web.url}/{i}")) for i in range(TASKS)]
        for seq in (1, 2):
            for i, run in enumerate(runs):
                await send(bus, alerts([("x", CRITICAL)], seq, task=f"t{i}"), run)
            await web.came(seq * TASKS)
            await asyncio.sleep(0.3)  # more often is not told: it is told once more
            await garbage()
        async with asyncio.timeout(20):
            shards = {shard_of_topic(own_topic(f"t{i}")) for i in range(TASKS)}
            for shard in shards:
                while b'"of"' not in (await told(shard)).value:
                    await asyncio.sleep(0.01)
    # and what is true is told all the same
    async with sink() as web, alerting(bus, tmp_path / "c") as c:
        await until(lambda: c.sharing.shards == SHARDS)
        await c.log.caught_up()
        assert not c.dispatcher.waiting and not web.posts
