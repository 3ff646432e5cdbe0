"""The service against a real nats-server, real LMDB files and real sinks; alert messages as workers send them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.alerting.delivery.protocols import DeliveryLimits
from services.alerting.requests import AlertingResponders
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.errors import StreamWentBack
from services.bus.subjects import request_subject
from services.runtime.effects import Alerts
from tests.support.alerts import (
    CRITICAL,
    OK,
    SECOND,
    WARNING,
    alerts,
    own_topic,
    post,
    run_event,
    send,
    sink,
    started,
    task_deleted,
)
from tests.support.nats import NatsServer


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection to a server without streams."""
    async with await Bus.connect(nats_server.url) as bus:
        for stream in ("ALERTS", "EVENTS", "WRITES", "KV_tickbus-alerting"):
            with contextlib.suppress(Exception):
                await bus._link.api(f"STREAM.DELETE.{stream}")
        await bus.ensure_streams()
        yield bus


@contextlib.asynccontextmanager
async def running(bus: Bus, path: Path, **limits: Any) -> AsyncIterator[Alerting]:
    """The service, with its store in this directory, answering."""
    async with Alerting(bus, path / "alerting.lmdb", {}, DeliveryLimits(**limits)) as service:
        responders = AlertingResponders(bus, service)
        try:
            yield service
        finally:
            responders.stop()


async def ask(bus: Bus, what: str, **question: Any) -> Any:
    return orjson.loads(await bus.request(request_subject("alerting", what), orjson.dumps(question)))


async def test_events_reach_their_sink_with_the_level_their_id_had_before(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url + "/a", headers={"X-One": "1"}))
        await send(bus, alerts([("a", CRITICAL), ("b", WARNING), ("a", OK)], 5), run)
        await send(bus, alerts([("b", CRITICAL)], 6), run)
        await web.came(4)
        await service.dispatcher.drained()
        assert web.told() == [
            ("a", "CRITICAL", "OK"),
            ("b", "WARNING", "OK"),
            ("a", "OK", "CRITICAL"),
            ("b", "CRITICAL", "WARNING"),
        ]
        path, headers, body = web.posts[0]
        assert path == "/a" and headers["x-one"] == "1" and headers["content-type"] == "application/json"
        assert body == (
            b'{"id":"a","message":"a is CRITICAL","details":"","time":"2023-11-14T22:13:25Z","duration":0,'
            b'"level":"CRITICAL","data":{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","v"],'
            b'"values":[["2023-11-14T22:13:25Z",1.5]]}]},"previousLevel":"OK","recoverable":true}\n'
        )
        assert web.connections == 1
        stats = await ask(bus, "stats")
        assert (stats["events"], stats["handled"], stats["given_up"], stats["waiting"]) == (4, 4, 0, 0)
        assert stats["active"] == [{"topic": own_topic(), "counts": [0, 0, 1]}]
        ((kind, topic, count),) = [(one["kind"], one["topic"], sum(one["counts"])) for one in stats["latencies"]]
        assert (kind, topic, count) == ("post", own_topic(), 4)


async def test_what_a_worker_sends_again_is_dropped(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL), ("b", CRITICAL)], 5), run)
        again = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), again)
        await send(bus, alerts([("a", CRITICAL), ("b", CRITICAL), ("c", CRITICAL)], 5), again)
        await send(bus, alerts([("a", OK)], 6), again)
        await web.came(4)
        await service.dispatcher.drained()
        assert [id for id, _, _ in web.told()] == ["a", "b", "c", "a"]
        assert (service.fold.events, service.fold.repeats) == (4, 3)


async def test_a_log_that_is_made_anew_under_it_ends_it(bus: Bus, tmp_path: Path) -> None:
    """It is started again, and then begins with what is there, as another test has it."""
    async with running(bus, tmp_path) as service:
        await send(bus, alerts([("a", CRITICAL)], 5), await started(bus, "t", 1))
        await service.log.caught_up()
        failing = asyncio.create_task(service.failed())
        await bus._link.api("STREAM.DELETE.ALERTS")
        await bus.ensure_streams()
        with pytest.raises(StreamWentBack):
            await asyncio.wait_for(failing, 30)


async def test_ticks_are_told_apart_by_tick_within_one_run(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", WARNING)], 9), run)
        for tick in (100, 100, 101):
            await send(bus, alerts([("a", CRITICAL), ("b", OK)], tick, tick=True), run)
        of = {"task": "t", "topics": [own_topic(), "none"]}
        assert await ask(bus, "ticked", started=run, **of) == {"tick": 101}
        assert await ask(bus, "ticked", started=run, **of | {"task": "u"}) == {"tick": 0}
        # another run, and the clock was set back meanwhile
        again = await started(bus, "t", 2)
        await send(bus, alerts([("a", OK)], 50, tick=True), again)
        await send(bus, alerts([("a", OK)], 102, tick=True), run)
        await service.log.caught_up()
        found = [(await ask(bus, "ticked", started=started, **of))["tick"] for started in (run, again)]
        assert found == [0, 50], "a worker asks for the run that it takes up, the last one"
        assert (service.fold.events, service.fold.repeats) == (6, 3)


async def test_topics_as_readers_see_them(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path):
        run = await started(bus, "t", 1)
        await send(bus, alerts([("b", CRITICAL), ("a", WARNING), ("c", OK)], 5), run)
        await send(bus, alerts([("x", WARNING)], 5), run, topic="named")
        levels = await ask(bus, "levels", topics=["named", own_topic(), "none"])
        assert levels[own_topic()]["b"][0] == CRITICAL and set(levels) == {"named", own_topic()}
        own = {"id": own_topic(), "level": "CRITICAL", "collected": 3}
        assert await ask(bus, "topics") == {"topics": [own, {"id": "named", "level": "WARNING", "collected": 1}]}
        assert await ask(bus, "topic", topic=own_topic()) == {"topic": own}
        assert await ask(bus, "topic", topic="none") == {"topic": None}
        state = {"details": "", "duration": "1s", "level": "WARNING", "message": "a is WARNING"}
        one = {"id": "a", "state": {**state, "time": "2023-11-14T22:13:25.000000001Z"}}
        assert await ask(bus, "event", topic=own_topic(), event="a") == {"event": one}
        assert await ask(bus, "event", topic=own_topic(), event="z") == {"event": None}
        listed = await ask(bus, "events", topic=own_topic(), min_level="WARNING")
        assert [e["id"] for e in listed["events"]] == ["a", "b"]
        assert await ask(bus, "events", topic="none") == {"events": None}


async def test_a_topic_of_a_node_lives_with_its_task(bus: Bus, tmp_path: Path) -> None:
    async def shown(after: int) -> Any:
        return (await ask(bus, "topic", topic=own_topic(), after=after))["topic"]

    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        assert await shown(run) == {"id": own_topic(), "level": "OK", "collected": 0}
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await service.log.caught_up()
        assert await shown(await run_event(bus, "t", "stopped", disabled=2)) is None
        assert (await ask(bus, "levels", topics=[own_topic()]))[own_topic()]["a"][0] == CRITICAL
        assert await shown(await started(bus, "t", 3)) == {"id": own_topic(), "level": "CRITICAL", "collected": 0}
        # another worker takes the same run over: counting goes on
        taken = await started(bus, "t", 3)
        await send(bus, alerts([("b", OK)], 6), taken)
        await service.log.caught_up()
        assert (await shown(taken))["collected"] == 1
        await task_deleted(bus, "t")
        await run_event(bus, "t", "stopped", disabled=4)
        new = await started(bus, "t", 5)
        assert await shown(new) == {"id": own_topic(), "level": "OK", "collected": 0}
        assert await ask(bus, "levels", topics=[own_topic()]) == {}
        await send(bus, alerts([("c", WARNING)], 7), new)
        await service.log.caught_up()
        assert await shown(new) == {"id": own_topic(), "level": "WARNING", "collected": 1}


async def answers(bus: Bus) -> list[Any]:
    found = [await ask(bus, "topics")]
    found += [await ask(bus, "events", topic=topic["id"]) for topic in found[0]["topics"]]
    return [*found, await ask(bus, "levels", topics=[own_topic(), own_topic("gone"), "named"])]


@pytest.mark.parametrize("keep_store", [True, False])
async def test_a_restart_answers_the_same_and_sends_nothing_twice(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            first = await started(bus, "t", 1, post(web.url))
            await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5, details=None), first)
            await run_event(bus, "t", "stopped", disabled=2)
            second = await started(bus, "t", 3, post(web.url))
            await send(bus, alerts([("a", OK), ("c", WARNING)], 6, details=None), second)
            await send(bus, alerts([("x", WARNING)], 6), second, topic="named")
            gone = await started(bus, "gone", 1)
            await send(bus, alerts([("a", WARNING)], 6, task="gone"), gone)
            await task_deleted(bus, "gone")
            last = await run_event(bus, "gone", "stopped", disabled=gone + 1)
            await web.came(4)
            await service.projection.reached(last)
            await service.log.caught_up()
            await service.dispatcher.drained()
            before = await answers(bus)
            assert "&#34;Fields&#34;:{&#34;v&#34;:1.5}" in str(before)
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            assert await answers(bus) == before
            await send(bus, alerts([("a", CRITICAL), ("c", WARNING)], 6), second)
            await send(bus, alerts([("c", OK)], 7), second)
            await web.came(5)
            await service.dispatcher.drained()
            assert web.told()[4:] == [("c", "OK", "WARNING")]


@pytest.mark.parametrize("keep_store", [True, False])
async def test_what_still_waits_is_handled_after_a_restart(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None if (path, before) == ("/slow", 1) else 204
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, post(web.url + "/slow"), post(web.url + "/good"))
            await send(bus, alerts([("a", CRITICAL), ("b", WARNING), ("a", OK)], 5), run)
            await send(bus, alerts([("a", WARNING), ("b", OK)], 6), run)
            await web.came(5, "/good")
            await web.came(2, "/slow")
            await service.log.caught_up()
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            await web.came(6, "/slow")
            await service.dispatcher.drained()
        slow = web.told("/slow")
        # the one that was never answered came twice, every other one once
        assert slow.pop(2) == slow[1] and slow == web.told("/good") and len(slow) == 5


async def test_messages_are_read_again_where_there_is_no_room_to_keep_them(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, bytes=1) as service:
        run = await started(bus, "t", 1, post(web.url), post(web.url + "/other"))
        web.answer = lambda path, before: None if before == 0 else 204
        for seq in range(5, 25):
            await send(bus, alerts([("a", seq % 4), ("b", OK)], seq), run)
        await service.log.caught_up()
        assert sum(e.message is not None for queue in service.dispatcher.queues.values() for e in queue.entries) <= 2
        await web.stop()
        await web.start(web.port)
        await service.dispatcher.drained()
        told = [(e["time"][:19], e["id"]) for e in web.events("/other")]
        assert told[0] == told[1] and told[1:] == sorted(told[1:]) and len(set(told)) == 40


async def test_garbage_is_counted_and_skipped(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, post(web.url))
        for data in (b"", b"{}", b"[1]", b"\xff\x00"):
            await bus.publish("tickbus.alert.x", data)
        await send(bus, alerts([("a", CRITICAL)], 5), 10**9)
        await send(bus, alerts([("a", CRITICAL)], 5), run, topic="other")
        await bus.publish("tickbus.alert.x", b"no")
        await send(bus, alerts([("a", CRITICAL)], 5, values=[float("nan")]), run)
        await send(bus, alerts([("a", OK)], 6), run)
        await web.came(1)
        await service.dispatcher.drained()
        assert service.fold.refused == 6 and web.told() == [("a", "OK", "CRITICAL")]
        assert service.dispatcher.counts.dead_lettered == 1


async def test_a_deleted_topic_is_gone_until_its_next_event(bus: Bus, tmp_path: Path) -> None:
    for restart in (False, True):
        async with running(bus, tmp_path) as service:
            if not restart:
                run = await started(bus, "t", 1)
                await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run, topic="named")
                await service.log.caught_up()
                assert await ask(bus, "delete", topic="named") == {"alert": 2}
                assert await ask(bus, "delete", topic="none") == {"alert": 3}
            assert await ask(bus, "topic", topic="named") == {"topic": None}
            assert (await ask(bus, "topics"))["topics"] == [{"id": own_topic(), "level": "OK", "collected": 0}]
    async with running(bus, tmp_path) as service:
        await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run, topic="named")
        await send(bus, alerts([("a", WARNING)], 6), run, topic="named")
        await service.log.caught_up()
        assert (await ask(bus, "topic", topic="named"))["topic"]["collected"] == 1
        assert [e["id"] for e in (await ask(bus, "events", topic="named"))["events"]] == ["a"]


async def test_what_waits_for_a_handler_is_handled_though_its_topic_is_deleted(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        web.open.clear()
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL), ("b", WARNING)], 5), run)
        await web.came(1)
        await ask(bus, "delete", topic=own_topic())
        await send(bus, alerts([("a", OK)], 6), run)
        await service.log.caught_up()
        web.open.set()
        await service.dispatcher.drained()
        assert web.told() == [("a", "CRITICAL", "OK"), ("b", "WARNING", "OK"), ("a", "OK", "OK")]


@pytest.mark.parametrize("keep_store", [True, False])
async def test_a_deleted_topic_of_a_node_comes_back_with_its_next_event_or_run(
    bus: Bus, tmp_path: Path, keep_store: bool
) -> None:
    async def shown(after: int = 0) -> Any:
        topic = (await ask(bus, "topic", topic=own_topic(), after=after))["topic"]
        listed = (await ask(bus, "topics"))["topics"]
        assert listed == ([topic] if topic else [])
        return topic and (topic["level"], topic["collected"])

    async with sink() as web:
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, post(web.url))
            assert await shown(run) == ("OK", 0)
            await ask(bus, "delete", topic=own_topic())  # before its first event
            assert await shown() is None
            await send(bus, alerts([("a", CRITICAL)], 5), run)
            await service.log.caught_up()
            assert await shown() == ("CRITICAL", 1)
            await ask(bus, "delete", topic=own_topic())
            assert await shown() is None
            assert await ask(bus, "events", topic=own_topic()) == {"events": None}
            # another worker takes it over: that is the same run
            await started(bus, "t", 1, post(web.url))
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            assert await shown() is None
            await send(bus, alerts([("a", CRITICAL)], 6), run)
            await service.log.caught_up()
            assert await shown() == ("CRITICAL", 1)
            await ask(bus, "delete", topic=own_topic())
            again = await started(bus, "t", 9, post(web.url))
            assert await shown(again) == ("OK", 0)
            await service.dispatcher.drained()
            assert web.told() == [("a", "CRITICAL", "OK")] * 2


async def test_a_first_point_takes_up_the_alert_that_another_node_has_begun(bus: Bus, tmp_path: Path) -> None:
    def fresh(events: list[tuple[str, int]], seq: int) -> Alerts:
        whole = alerts(events, seq, node="other", details=None)
        return replace(whole, duration=whole.duration * 0, fresh=np.array([True] * len(events)))

    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1)
        await send(bus, alerts([("a", WARNING), ("b", OK), ("c", CRITICAL)], 5), run, "named")
        await service.log.folded(await send(bus, fresh([("a", CRITICAL), ("b", CRITICAL)], 8), run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 3 * SECOND, "b": 0, "c": 2 * SECOND}
    async with running(bus, tmp_path) as service:
        again = replace(alerts([("a", OK), ("c", CRITICAL)], 12, node="other"), duration=np.array([4, 0]) * SECOND)
        await service.log.folded(await send(bus, again, run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 7 * SECOND, "b": 0, "c": 0}
        await service.log.folded(await send(bus, alerts([("a", WARNING)], 20, node="other"), run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 0, "b": 0, "c": 0}


async def test_what_waits_for_handlers_takes_bounded_memory_and_is_all_handled(bus: Bus, tmp_path: Path) -> None:
    """Ten handlers hang over hundreds of messages; then the service is started anew, and they do not."""
    count, limit = 300, 200_000
    async with sink() as web:
        hooks = [post(f"{web.url}/{i}") for i in range(10)]
        async with running(bus, tmp_path, bytes=limit) as service:
            web.open.clear()
            run = await started(bus, "t", 1, *hooks)
            for i in range(count):
                last = await send(bus, alerts([("a", CRITICAL if i % 2 else OK)], i + 5), run)
            await service.log.folded(last)
            queues = (await ask(bus, "stats"))["queues"]
            assert [queue["messages"] for queue in queues] == [queue["events"] for queue in queues] == [count] * 10
            assert sum(queue["bytes"] for queue in queues) < 1.5 * limit
            assert all(0 < queue["oldest"] < time.time_ns() for queue in queues)
            assert sum(len(queue.entries) for queue in service.dispatcher.queues.values()) < 2 * count
            # read again from where they are kept, written or not
            queue = next(iter(service.dispatcher.queues.values()))
            page = service._state_store.page(queue.of.key, queue.held, count)
            assert len(page) == queue.spilled and [e.seq for e in page] == sorted({e.seq for e in page})
        web.open.set()
        async with running(bus, tmp_path, bytes=limit) as service:
            await asyncio.wait_for(service.dispatcher.drained(), 60)
            assert service.dispatcher.waiting == 0 and not service.dispatcher.queues
            assert service.dispatcher._kept_bytes == 0
    for i in range(10):
        levels = [orjson.loads(body)["level"] for path, _, body in web.posts if path == f"/{i}"]
        assert len(levels) in (count, count + 1), "one may have been under way"
        assert levels[-count:] == ["OK", "CRITICAL"] * (count // 2)


async def test_many_refusals_are_told_in_few_lines(
    bus: Bus, tmp_path: Path, logged: Callable[[str], list[str]]
) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        web.answer = lambda path, before: 400
        run = await started(bus, "t", 1, post(web.url))
        await service.log.folded(await send(bus, alerts([("a", CRITICAL), ("a", OK)] * 50, 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 30)
        assert service.dispatcher.counts.dead_lettered == 100
        for _ in range(3):
            last = (await bus.publish("tickbus.alert.named", b"no alert")).seq
        await service.log.folded(last)
        assert service.fold.refused == 3
    assert len(logged("alert events given up on")) == len(logged("a message is no alert and is skipped")) == 1
