"""The service against a real nats-server, real LMDB files and real sinks; alert messages as workers send them."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.alerting.asks import Asks
from services.alerting.dispatch import Limits
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.bus.subjects import ask_subject
from services.engine.effects import Alerts
from tests.support.alerts import (
    CRITICAL,
    OK,
    SECOND,
    WARNING,
    Sink,
    alerts,
    give,
    own_topic,
    post,
    run_event,
    send,
    sink,
    started,
    task_deleted,
)
from tests.support.nats import NatsServer
from tests.support.pipes import Pipe
from tests.support.processes import gone


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
    async with Alerting(bus, path / "alerting.lmdb", {}, Limits(**limits)) as service:
        asks = Asks(bus, service)
        try:
            yield service
        finally:
            asks.stop()


async def ask(bus: Bus, what: str, **question: Any) -> Any:
    return orjson.loads(await bus.ask(ask_subject("alerting", what), orjson.dumps(question)))


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
        assert (service.events, service.repeats) == (4, 3)


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
        await service.caught_up()
        found = [(await ask(bus, "ticked", started=started, **of))["tick"] for started in (run, again)]
        assert found == [0, 50], "a worker asks for the run that it takes up, the last one"
        assert (service.events, service.repeats) == (6, 3)


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
        await service.caught_up()
        assert await shown(await run_event(bus, "t", "stopped", disabled=2)) is None
        assert (await ask(bus, "levels", topics=[own_topic()]))[own_topic()]["a"][0] == CRITICAL
        assert await shown(await started(bus, "t", 3)) == {"id": own_topic(), "level": "CRITICAL", "collected": 0}
        # another worker takes the same run over: counting goes on
        taken = await started(bus, "t", 3)
        await send(bus, alerts([("b", OK)], 6), taken)
        await service.caught_up()
        assert (await shown(taken))["collected"] == 1
        await task_deleted(bus, "t")
        await run_event(bus, "t", "stopped", disabled=4)
        new = await started(bus, "t", 5)
        assert await shown(new) == {"id": own_topic(), "level": "OK", "collected": 0}
        assert await ask(bus, "levels", topics=[own_topic()]) == {}
        await send(bus, alerts([("c", WARNING)], 7), new)
        await service.caught_up()
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
            await service.known.reached(last)
            await service.caught_up()
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
            await service.caught_up()
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            await web.came(6, "/slow")
            await service.dispatcher.drained()
        slow = web.told("/slow")
        # the one that was never answered came twice, every other one once
        assert slow.pop(2) == slow[1] and slow == web.told("/good") and len(slow) == 5


async def test_one_that_hangs_holds_up_no_other(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, retry_for=1.0) as service:
        web.answer = lambda path, before: None if path == "/hangs" and before < 2 else 204
        handlers = post(web.url + "/hangs", timeout=200_000_000), post(web.url + "/good")
        run = await started(bus, "t", 1, *handlers)
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await send(bus, alerts([("b", CRITICAL)], 6), run)
        await web.came(2, "/good", timeout=0.2)
        await web.came(4, "/hangs")
        await service.dispatcher.drained()
        assert [id for id, _, _ in web.told("/hangs")] == ["a", "a", "a", "b"]
        assert (service.dispatcher.counts.retried, service.dispatcher.counts.given_up) == (2, 0)


async def test_a_dead_endpoint_is_tried_again_and_given_up_on(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, retry_for=0.5) as service:
        run = await started(bus, "t", 1, post("http://127.0.0.1:1/x"), post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await web.came(1)
        await service.dispatcher.drained()
        counts = service.dispatcher.counts
        assert counts.given_up == 1 and counts.retried >= 1 and counts.handled == {"post": 1}


def keys(web: Sink, path: str = "") -> list[str]:
    """The Idempotency-Key of each post."""
    return [headers["idempotency-key"] for at, headers, _ in web.posts if at.startswith(path)]


async def test_what_is_answered_late_but_in_time_is_sent_once(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, timeout=20.0) as service:
        web.is_late = lambda path, before: True
        run = await started(bus, "t", 1, post(web.url + "/a"), post(web.url + "/b", timeout=20 * SECOND))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await web.came(2)
        web.late.set()
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert len(web.posts) == 2 and service.dispatcher.counts.retried == 0


async def test_what_is_sent_again_carries_the_same_key_and_nothing_else_does(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None if before == 0 else 503 if before == 1 else 204
        async with running(bus, tmp_path, timeout=0.2) as service:
            own = post(web.url + "/own", headers={"idempotency-key": "mine"})
            run = await started(bus, "t", 1, post(web.url + "/a"), post(web.url + "/b"), own)
            await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run)
            await web.came(12)
            await asyncio.wait_for(service.dispatcher.drained(), 20)
        for path in ("/a", "/b"):
            first, *again = keys(web, path)
            assert again[:2] == [first, first] and again[2] != first and len(again) == 3
        assert len(set(keys(web))) == 5 and set(keys(web, "/own")) == {"mine"}


@pytest.mark.parametrize("keep_store", [True, False])
async def test_a_restart_sends_with_the_same_key(bus: Bus, tmp_path: Path, keep_store: bool) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None if before == 0 else 204
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, post(web.url))
            await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run)
            await web.came(1)
        if not keep_store:
            (tmp_path / "alerting.lmdb").unlink()
        async with running(bus, tmp_path) as service:
            await web.came(3)
            await asyncio.wait_for(service.dispatcher.drained(), 20)
        first, again, other = keys(web)
        assert first == again != other


async def test_a_connection_that_breaks_after_the_request_is_tried_again_with_the_same_key(
    bus: Bus, tmp_path: Path
) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if len(heads) > 1:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, running(bus, tmp_path) as service:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        run = await started(bus, "t", 1, post(url))
        await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert (service.dispatcher.counts.handled, service.dispatcher.counts.retried) == ({"post": 1}, 1)
    one, two = ([line for line in head.lower().split(b"\r\n") if b"idempotency-key" in line] for head in heads)
    assert one == two and len(one) == 1


async def test_a_sink_is_not_asked_again_before_the_time_that_it_names(bus: Bus, tmp_path: Path) -> None:
    came: list[float] = []

    def answer(path: str, before: int) -> int:
        came.append(time.monotonic())
        return 429 if before == 0 else 204

    async with sink() as web, running(bus, tmp_path) as service:
        web.answer, web.headers = answer, {"Retry-After": "1"}
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await web.came(2)
        await asyncio.wait_for(service.dispatcher.drained(), 20)
    assert came[1] - came[0] >= 0.95


async def test_a_sink_that_asks_for_too_much_time_is_asked_a_last_time(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, retry_for=1.0) as service:
        web.answer, web.headers = lambda path, before: 503, {"Retry-After": "3600"}
        run = await started(bus, "t", 1, post(web.url))
        await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert len(web.posts) == 2 and service.dispatcher.counts.given_up == 1


async def test_a_late_sink_is_given_more_and_more_time(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, timeout=0.1, retry_for=2.0) as service:
        web.answer = lambda path, before: None
        run = await started(bus, "t", 1, post(web.url))
        await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        # at 0, 0.2, 0.6, 1.4 s
        assert 2 <= len(web.posts) <= 4 and service.dispatcher.counts.given_up == 1


async def test_a_sink_that_never_answers_does_not_hold_up_the_end(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, *(post(web.url) for _ in range(20)))
            await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
            await web.came(20)
            began = time.monotonic()
        assert time.monotonic() - began < 3
        assert (service.dispatcher.counts.given_up, service.dispatcher.waiting) == (0, 20)


async def test_an_answer_is_an_answer_whatever_it_says(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        web.answer = lambda path, before: 500
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL), ("b", CRITICAL)], 5), run)
        await web.came(2)
        await service.dispatcher.drained()
        assert len(web.posts) == 2 and service.dispatcher.counts.given_up == 2


async def test_messages_are_read_again_where_there_is_no_room_to_keep_them(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, bytes=1) as service:
        run = await started(bus, "t", 1, post(web.url), post(web.url + "/other"))
        web.answer = lambda path, before: None if before == 0 else 204
        for seq in range(5, 25):
            await send(bus, alerts([("a", seq % 4), ("b", OK)], seq), run)
        await service.caught_up()
        assert sum(e.message is not None for lane in service.dispatcher.lanes.values() for e in lane.entries) <= 2
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
        assert service.refused == 6 and web.told() == [("a", "OK", "CRITICAL")]
        assert service.dispatcher.counts.given_up == 1


@pytest.mark.parametrize("of", ["node", "topic"])
async def test_tcp_log_and_exec(bus: Bus, tmp_path: Path, of: str) -> None:
    lines: list[bytes] = []
    whole = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.read())
        writer.close()
        if len(lines) == 2:
            whole.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    log, out = tmp_path / "alerts.log", tmp_path / "exec"
    kinds: list[dict[str, Any]] = [
        {"kind": "tcp", "options": {"address": f"127.0.0.1:{port}"}},
        {"kind": "log", "options": {"path": str(log), "mode": 0o644}},
        {"kind": "exec", "options": {"prog": "/bin/sh", "args": ["-c", f'echo "$0" >> {out}; cat >> {out}', "arg"]}},
        {"kind": "exec", "options": {"prog": "/no/such/program", "args": []}},
    ]
    async with running(bus, tmp_path) as service:
        run = await started(bus, "t", 1, *(kinds if of == "node" else ()))
        for number, kind in enumerate(kinds if of == "topic" else ()):
            await give(bus, own_topic(), f"h{number}", kind)
        await send(bus, alerts([("a", CRITICAL), ("<b>", OK)], 5), run)
        await service.caught_up()
        await asyncio.wait_for(service.dispatcher.drained(), 30)
        await asyncio.wait_for(whole.wait(), 30)
    server.close()
    logged = log.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["id"] for line in logged] == ["a", "<b>"] and b'"id":"\\u003cb\\u003e"' in logged[1]
    assert lines == [line + b"\n" for line in logged]
    assert out.read_bytes() == b"arg\n" + logged[0] + b"arg\n" + logged[1]
    assert log.stat().st_mode & 0o777 == 0o644
    assert service.dispatcher.counts.given_up == 2


def shell(script: str, **options: Any) -> dict[str, Any]:
    return {"kind": "exec", "options": {"prog": "/bin/sh", "args": ["-c", script], **options}}


async def test_a_command_that_fails_is_run_once_and_its_status_and_output_are_logged(
    bus: Bus, tmp_path: Path, logged: Callable[[str], list[str]]
) -> None:
    count = tmp_path / "count"
    script = f"echo $$ >> {count}; echo no such host; exit 7"
    async with running(bus, tmp_path) as service:
        late = shell(f"echo $$ >> {count}; echo so far; sleep 60", timeout="300ms")
        run = await started(bus, "t", 1, shell(script), late, shell(f"echo $$ >> {count}"))
        await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 30)
        counts = service.dispatcher.counts
        assert (counts.handled, counts.given_up, counts.retried) == ({"exec": 1}, 2, 0)
    assert len(count.read_text().split()) == 3
    failed, broken_off = sorted(logged("alert events given up on"))
    assert 'id=a err="/bin/sh: exit status 7; output: no such host"' in failed
    assert 'id=a err="/bin/sh: not ended within 0.3 s, signal: terminated; output: so far"' in broken_off


async def test_a_command_ends_with_the_service_and_is_not_run_again(bus: Bus, tmp_path: Path) -> None:
    pids = Pipe(tmp_path / "pids")
    try:
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, shell(f"sleep 60 & echo $! > {pids.path}; wait"))
            await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
            child = int(await pids.said())
        assert gone(child)
        assert service.dispatcher.counts.given_up == 1
        async with running(bus, tmp_path) as service:
            assert service.dispatcher.waiting == 0
    finally:
        pids.close()


async def test_a_pipe_that_nobody_reads_holds_up_nothing(bus: Bus, tmp_path: Path) -> None:
    pipes = [tmp_path / f"pipe{number}" for number in range(40)]
    for pipe in pipes:
        os.mkfifo(pipe)
    file = tmp_path / "file"
    async with running(bus, tmp_path) as service:
        paths = [*pipes, file]
        run = await started(bus, "t", 1, *({"kind": "log", "options": {"path": str(path)}} for path in paths))
        await service.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        async with asyncio.timeout(20):
            while not file.exists() or not file.read_bytes():
                await asyncio.sleep(0.01)


async def test_a_deleted_topic_is_gone_until_its_next_event(bus: Bus, tmp_path: Path) -> None:
    for restart in (False, True):
        async with running(bus, tmp_path) as service:
            if not restart:
                run = await started(bus, "t", 1)
                await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run, topic="named")
                await service.caught_up()
                assert await ask(bus, "delete", topic="named") == {}
                assert await ask(bus, "delete", topic="none") == {}
            assert await ask(bus, "topic", topic="named") == {"topic": None}
            assert (await ask(bus, "topics"))["topics"] == [{"id": own_topic(), "level": "OK", "collected": 0}]
    async with running(bus, tmp_path) as service:
        await send(bus, alerts([("a", CRITICAL), ("b", OK)], 5), run, topic="named")
        await send(bus, alerts([("a", WARNING)], 6), run, topic="named")
        await service.caught_up()
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
        await service.caught_up()
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
            await service.caught_up()
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
            await service.caught_up()
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
        await service.folded(await send(bus, fresh([("a", CRITICAL), ("b", CRITICAL)], 8), run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 3 * SECOND, "b": 0, "c": 2 * SECOND}
    async with running(bus, tmp_path) as service:
        again = replace(alerts([("a", OK), ("c", CRITICAL)], 12, node="other"), duration=np.array([4, 0]) * SECOND)
        await service.folded(await send(bus, again, run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 7 * SECOND, "b": 0, "c": 0}
        await service.folded(await send(bus, alerts([("a", WARNING)], 20, node="other"), run, "named"))
        levels = (await ask(bus, "levels", topics=["named"]))["named"]
        assert {id: level[2] for id, level in levels.items()} == {"a": 0, "b": 0, "c": 0}
