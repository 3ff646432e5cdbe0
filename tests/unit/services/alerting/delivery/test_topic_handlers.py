"""Handlers that topics are given over the API, against a real nats-server and real sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.alerting.topics.message import ReceivedMessage
from services.alertlog.mark import put_mark
from services.bus.connection import Bus
from services.bus.events import Event, encode
from tests.support.alerts import (
    BASE,
    CRITICAL,
    INFO,
    OK,
    WARNING,
    Sink,
    alerts,
    give,
    handler_event,
    own_topic,
    post,
    run_event,
    send,
    sink,
    started,
    take,
    task_deleted,
)
from tests.unit.services.alerting.test_service import ask, bus, running

__all__ = ["bus"]

Levels = Sequence[tuple[str, int]]


def publish(*topics: str) -> dict[str, Any]:
    return {"kind": "publish", "options": {"topics": list(topics)}}


def aggregate(topic: str, interval: float, **options: Any) -> dict[str, Any]:
    given = {"id": "sum", "interval": round(interval * 1e9), "topic": topic, "message": "{{ .Count }}", **options}
    return {"kind": "aggregate", "options": given}


class Source:
    """A task `t` that sends to the topic `named`, one message after another."""

    def __init__(self, bus: Bus, run: int, topic: str = "named") -> None:
        self._bus, self._run, self._topic, self._seq = bus, run, topic, 0

    async def send(self, *events: tuple[str, int], **more: Any) -> int:
        self._seq += 1
        return await send(self._bus, alerts(events, self._seq, **more), self._run, self._topic)


async def settled(service: Any) -> None:
    await service.log.caught_up()
    await asyncio.wait_for(service.dispatcher.drained(), 30)
    await service.log.caught_up()


async def test_a_handler_gets_what_lies_between_its_marks(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("before", OK))
        await give(bus, "named", "h", post(web.url + "/1"))
        await give(bus, "other", "h", post(web.url + "/other"))
        await source.send(("a", CRITICAL), ("b", WARNING))
        await give(bus, "named", "h", post(web.url + "/2"), what="updated")
        await give(bus, "named", "i", post(web.url + "/i"))
        await source.send(("a", OK))
        await take(bus, "named", "h")
        await source.send(("a", WARNING))
        await settled(service)
        assert web.told("/1") == [("a", "CRITICAL", "OK"), ("b", "WARNING", "OK")]
        assert web.told("/2") == [("a", "OK", "CRITICAL")]
        assert web.told("/i") == [("a", "OK", "CRITICAL"), ("a", "WARNING", "OK")]
        assert len(web.posts) == 5


async def test_a_change_whose_gateway_has_died_is_marked_all_the_same(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        await handler_event(bus, "named", "h", "defined", **post(web.url), match="")
        async with running(bus, tmp_path) as service:
            async with asyncio.timeout(30):
                while not service.view.visible("named"):
                    await asyncio.sleep(0.01)
            seq = await handler_event(bus, "named", "h", "updated", **post(web.url + "/new"), match="")
            async with asyncio.timeout(30):
                while service.topics.by_name["named"].applied < seq:
                    await asyncio.sleep(0.01)
            # the gateway was not dead after all: nothing changes
            await put_mark(bus, "named", seq - 1)
            await Source(bus, await started(bus, "t", 1)).send(("a", CRITICAL))
            await settled(service)
            assert [path for path, _, _ in web.posts] == ["/new"]


async def test_a_mark_of_an_event_that_there_is_not_is_refused(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path) as service:
        await put_mark(bus, "named", 10**9)
        await service.log.caught_up()
        assert service.fold.refused == 1 and not service.view.names()


async def test_only_what_fulfils_the_match_is_handled(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        for path, match in {
            "/ge": "level() >= WARNING",
            "/changed": "changed()",
            "/host": "\"host\" == 'a' AND alertID() == 'b'",
            "/v": '"v" > 2.0',
            "/odd": "\"nosuch\" == 'a'",
        }.items():
            await give(bus, "named", path[1:], post(web.url + path), match)
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", WARNING), ("b", INFO), ("a", WARNING), ("a", OK), values=[1.0, 2.0, 3.0, 4.0])
        await settled(service)
        assert [id for id, _, _ in web.told("/ge")] == ["a", "a"]
        assert [(id, level) for id, level, _ in web.told("/changed")] == [("a", "WARNING"), ("b", "INFO"), ("a", "OK")]
        assert web.told("/host") == [("b", "INFO", "OK")]
        assert web.told("/v") == [("a", "WARNING", "WARNING"), ("a", "OK", "WARNING")]
        assert not web.told("/odd")
        assert (service.dispatcher.counts.handled, service.dispatcher.counts.dead_lettered) == ({"post": 8}, 0)


async def test_topics_are_there_for_their_handlers_and_keep_them_when_deleted(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await service.log.folded(await give(bus, "named", "h", post(web.url)))
        shown = {"id": "named", "level": "OK", "collected": 0}
        assert await ask(bus, "topics") == {"topics": [shown]}
        await ask(bus, "delete", topic="named")
        assert await ask(bus, "topic", topic="named") == {"topic": None}
        await service.log.folded(await take(bus, "named", "nosuch"))
        assert await ask(bus, "topic", topic="named") == {"topic": None}
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", CRITICAL))
        await settled(service)
        assert web.told() == [("a", "CRITICAL", "OK")]
        assert (await ask(bus, "topic", topic="named"))["topic"]["collected"] == 1
        await ask(bus, "delete", topic="named")
        await source.send(("a", CRITICAL))
        await settled(service)
        assert web.told()[1:] == [("a", "CRITICAL", "OK")]


async def test_a_nodes_own_topic_has_handlers_beside_the_nodes(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await service.log.folded(await give(bus, own_topic(), "h", post(web.url + "/api")))
        run = await started(bus, "t", 1, post(web.url + "/own"))
        source = Source(bus, run, own_topic())
        await source.send(("a", CRITICAL))
        await settled(service)
        assert web.told("/api") == web.told("/own") == [("a", "CRITICAL", "OK")]
        stopped = await run_event(bus, "t", "stopped", disabled=2)
        assert await ask(bus, "topic", topic=own_topic(), after=stopped) == {"topic": None}
        # the topic is forgotten with its task; whatever sends to it next has its handler
        await task_deleted(bus, "t")
        source = Source(bus, await started(bus, "t", 5, post(web.url + "/own")), own_topic())
        await source.send(("b", WARNING))
        await settled(service)
        assert web.told("/api")[1:] == web.told("/own")[1:] == [("b", "WARNING", "OK")]
        assert (await ask(bus, "topic", topic=own_topic()))["topic"]["collected"] == 1


async def test_publish_goes_from_topic_to_topic_but_not_in_circles(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "named", "pub", publish("b", "c"))
        await give(bus, "b", "pub", publish("d", "named"), "level() > WARNING")
        for topic in "bcd":
            await give(bus, topic, "post", post(f"{web.url}/{topic}"))
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", WARNING), details=None)
        await source.send(("a", CRITICAL), ("x", CRITICAL))
        for _ in range(3):
            await settled(service)
        every = [("a", "WARNING", "OK"), ("a", "CRITICAL", "WARNING"), ("x", "CRITICAL", "OK")]
        assert web.told("/b") == web.told("/c") == every
        # what an id had before in d is what it had where it comes from
        assert web.told("/d") == every[1:]
        first = web.events("/b")[0]
        assert first | {"details": ""} == web.events("/c")[0] | {"details": ""}
        assert first["data"]["series"][0]["values"] == [["2023-11-14T22:13:21Z", 1.5]]
        assert '"TaskName":"t"' in first["details"].replace("&#34;", '"')
        assert {name: service.topics.by_name[name].collected for name in ("named", *"bcd")} == {
            "named": 3,
            "b": 3,
            "c": 3,
            "d": 2,
        }
        assert service.dispatcher.counts.dead_lettered == 2  # the two that b would have given back


async def test_what_is_published_matches_by_tags_and_fields_as_where_it_comes_from(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "named", "pub", publish("b"))
        match = "\"host\" == 'a' AND \"v\" == 2.5 AND name() == 'cpu' AND taskName() == 't'"
        await give(bus, "b", "post", post(web.url), match)
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", WARNING), ("b", WARNING), values=[2.5, float("inf")])
        await settled(service)
        await settled(service)
        assert web.told() == [("a", "WARNING", "OK")]


async def test_aggregate_makes_one_event_of_an_interval(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "out", "post", post(web.url))
        await give(bus, "named", "agg", aggregate("out", 0.5, message="{{ .Count }} in {{ .Interval }}"))
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", WARNING), ("b", CRITICAL))
        await source.send(("a", OK))
        await web.came(1)
        await source.send(("c", INFO))
        await web.came(2)
        await settled(service)
        first, second = web.events()
        series = {"name": "cpu", "tags": {"host": "a"}, "columns": ["time", "v"]}
        assert first == {
            "id": "sum",
            "message": "3 in 500ms",
            "details": "a is WARNING\nb is CRITICAL\na is OK",
            "time": "2023-11-14T22:13:22Z",
            "duration": 10**9,
            "level": "CRITICAL",
            "data": {
                "series": [
                    {**series, "values": [["2023-11-14T22:13:21Z", 1.5]]},
                    {**series, "values": [["2023-11-14T22:13:21.000000001Z", 1.5]]},
                    {**series, "values": [["2023-11-14T22:13:22Z", 1.5]]},
                ]
            },
            "previousLevel": "OK",
            "recoverable": False,
        }
        assert (second["message"], second["level"], second["previousLevel"]) == ("1 in 500ms", "INFO", "CRITICAL")
        assert service.topics.by_name["out"].collected == 2
        assert service.dispatcher.counts.handled == {"aggregate": 4, "post": 2}


async def test_aggregates_of_aggregates_and_of_matches(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "named", "agg", aggregate("mid", 0.2), "level() > INFO")
        await give(bus, "mid", "agg", aggregate("out", 0.2, id="all"))
        await give(bus, "out", "agg", aggregate("named", 0.2))  # would go round for ever
        await give(bus, "out", "post", post(web.url))
        source = Source(bus, await started(bus, "t", 1))
        await source.send(("a", INFO), ("b", CRITICAL), ("c", WARNING), ("d", OK))
        await web.came(1)
        await settled(service)
        (event,) = web.events()
        assert (event["id"], event["level"], event["message"], event["details"]) == ("all", "CRITICAL", "1", "2")
        assert len(event["data"]["series"]) == 2
        assert service.topics.by_name["named"].collected == 4 and service.dispatcher.counts.dead_lettered == 1


async def test_an_aggregate_too_large_for_the_bus_is_cut_in_several(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "out", "post", post(web.url))
        await give(bus, "named", "agg", aggregate("out", 0.5))
        run = await started(bus, "t", 1)
        for number in range(1, 6):
            message = alerts([(f"i{number}", CRITICAL)], number)
            await send(bus, replace(message, messages=["x" * (bus.max_payload // 3)]), run, "named")
        await send(bus, alerts([("small", OK)], 6), run, "named")
        await settled(service)
        await settled(service)
        assert sum(int(event["message"]) for event in web.events()) == 6 and len(web.posts) > 2
        assert service.dispatcher.counts.dead_lettered == 0


Answers = tuple[list[Any], dict[str, int]]


async def answers(bus: Bus, service: Any) -> Answers:
    shown = [await ask(bus, "topics"), await ask(bus, "levels", topics=["named", "b", "out"])]
    return shown, {name: topic.applied for name, topic in service.topics.by_name.items()}


async def told_once(web: Sink, path: str, ids: list[str]) -> None:
    await web.came(len(ids), path)
    assert [id for id, _, _ in web.told(path)] == ids


@pytest.mark.parametrize("keep_store", [True, False])
async def test_a_restart_answers_the_same_and_sends_nothing_twice(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            await give(bus, "named", "h", post(web.url + "/h"))
            await give(bus, "named", "pub", publish("b"))
            await give(bus, "named", "agg", aggregate("out", 0.2))
            await give(bus, "b", "h", post(web.url + "/b"))
            await give(bus, "out", "h", post(web.url + "/out"))
            source = Source(bus, await started(bus, "t", 1))
            await source.send(("a", CRITICAL), ("b", OK))
            await web.came(1, "/out")
            await give(bus, "named", "h", post(web.url + "/new"), what="updated")
            await source.send(("a", OK))
            await web.came(2, "/out")
            await settled(service)
            await ask(bus, "delete", topic="b")
            before = await answers(bus, service)
            posts = len(web.posts)
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            assert await answers(bus, service) == before
            await source.send(("c", WARNING))
            await told_once(web, "/new", ["a", "c"])
            await told_once(web, "/b", ["a", "b", "a", "c"])
            await told_once(web, "/out", ["sum", "sum", "sum"])
            await settled(service)
            assert len(web.posts) == posts + 3


@pytest.mark.parametrize("keep_store", [True, False])
async def test_what_still_waits_is_handled_after_a_restart(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None if (path, before) == ("/h", 0) else 204
        async with running(bus, tmp_path) as service:
            await give(bus, "out", "h", post(web.url + "/out"))
            await give(bus, "named", "h", post(web.url + "/h"))
            await give(bus, "named", "agg", aggregate("out", 2.0))
            source = Source(bus, await started(bus, "t", 1))
            await source.send(("a", CRITICAL))
            await source.send(("b", WARNING))
            await web.came(1, "/h")
            # who is deleted meanwhile still handles what came before
            await take(bus, "named", "h")
            await service.log.folded(await source.send(("c", OK)))
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            await web.came(3, "/h")
            await web.came(1, "/out")
            await settled(service)
            assert [id for id, _, _ in web.told("/h")] == ["a", "a", "b"]
            assert [event["message"] for event in web.events("/out")] == ["3"]


async def test_an_aggregate_is_done_when_it_is_folded_whoever_sent_it(bus: Bus, tmp_path: Path) -> None:
    """What an earlier life of the service has sent counts: its events are taken off, the rest is made into another."""
    async with sink() as web, running(bus, tmp_path) as service:
        await give(bus, "out", "h", post(web.url))
        await give(bus, "named", "agg", aggregate("out", 3600.0))
        source = Source(bus, await started(bus, "t", 1))
        seqs = [await source.send((id, WARNING)) for id in "abc"]
        await service.log.caught_up()
        (queue,) = [queue for queue in service.dispatcher.queues.values() if queue.of.kind == "aggregate"]
        forward = service.dispatcher._forwarder(queue.of.key)
        messages = [await service.log.fetch(seq) for seq in seqs]
        events = [m.event(0, 0, seq) for m, seq in zip(messages, seqs, strict=True) if isinstance(m, ReceivedMessage)]
        made = replace(events[1], id="earlier", topic="out")
        await service.log.folded(await forward.collect(made, "out", events[:2]))
        assert [entry.seq for entry in queue.entries] == seqs[2:]
        # one that overlaps it came too late
        late = replace(events[2], id="late", topic="out")
        await service.log.folded(await forward.collect(late, "out", events))
        assert [entry.seq for entry in queue.entries] == seqs[2:]
        queue.full.set()
        await web.came(2)
        await settled(service)
        assert [(event["id"], event["message"]) for event in web.events()] == [
            ("earlier", "b is WARNING"),
            ("sum", "1"),
        ]


async def test_marks_that_the_log_holds_no_more(bus: Bus, tmp_path: Path) -> None:
    """With the store lost as well, the position in the handler's fact says where it stands."""
    async with sink() as web:
        async with running(bus, tmp_path) as service:
            source = Source(bus, await started(bus, "t", 1))
            await source.send(("x", OK))
            await give(bus, "named", "h", post(web.url + "/old"))
            await give(bus, "named", "gone", post(web.url + "/gone"))
            await take(bus, "named", "gone")
            last = await source.send(("a", CRITICAL))
            await give(bus, "named", "h", post(web.url + "/new"), what="updated")
            await settled(service)
        await bus._link.api("STREAM.PURGE.ALERTS", {"seq": last})
        (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            await source.send(("b", WARNING))
            await settled(service)
            assert web.told("/new") == [("b", "WARNING", "OK")] and not web.told("/gone")
            assert [id for id, _, _ in web.told("/old")] == ["a"]


async def test_a_question_may_name_any_event(bus: Bus, tmp_path: Path) -> None:
    async with running(bus, tmp_path):
        event = Event("template", "x", "defined", {}, BASE)
        headers, data = encode(event)
        seq = (await bus.publish(event.subject, data, headers)).seq
        assert await ask(bus, "topics", after=seq) == {"topics": []}
