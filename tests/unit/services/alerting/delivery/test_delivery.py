"""How handlers deliver: sinks that hang, fail or ask for time, commands, files and pipes; what is tried again."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.bus.connection import Bus
from tests.support.alerts import (
    CRITICAL,
    OK,
    SECOND,
    Sink,
    alerts,
    give,
    own_topic,
    post,
    send,
    sink,
    started,
)
from tests.support.pipes import Pipe
from tests.support.processes import gone
from tests.unit.services.alerting.test_service import bus, running

__all__ = ["bus"]


async def test_one_that_hangs_holds_up_no_other(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, retry_for=20.0) as service:
        web.answer = lambda path, before: None if path == "/hangs" and before < 2 else 204
        handlers = post(web.url + "/hangs", timeout=200_000_000), post(web.url + "/good")
        run = await started(bus, "t", 1, *handlers)
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await send(bus, alerts([("b", CRITICAL)], 6), run)
        await web.came(2, "/good", timeout=0.2)
        await web.came(4, "/hangs")
        await service.dispatcher.drained()
        assert [id for id, _, _ in web.told("/hangs")] == ["a", "a", "a", "b"]
        assert (service.dispatcher.counts.retried, service.dispatcher.counts.dead_lettered) == (2, 0)


async def test_a_dead_endpoint_is_tried_again_and_given_up_on(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, retry_for=0.5) as service:
        run = await started(bus, "t", 1, post("http://127.0.0.1:1/x"), post(web.url))
        await send(bus, alerts([("a", CRITICAL)], 5), run)
        await web.came(1)
        await service.dispatcher.drained()
        counts = service.dispatcher.counts
        assert counts.dead_lettered == 1 and counts.retried >= 1 and counts.handled == {"post": 1}


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
            # as it always was: what was on its way when another version was started is told from what is new
            assert str(uuid.UUID(first)) == first and uuid.UUID(first).version == 5
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
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
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
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        assert len(web.posts) == 2 and service.dispatcher.counts.dead_lettered == 1


async def test_a_late_sink_is_given_more_and_more_time(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path, timeout=0.1, retry_for=2.0) as service:
        web.answer = lambda path, before: None
        run = await started(bus, "t", 1, post(web.url))
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 20)
        # at 0, 0.2, 0.6, 1.4 s
        assert 2 <= len(web.posts) <= 4 and service.dispatcher.counts.dead_lettered == 1


async def test_a_sink_that_never_answers_does_not_hold_up_the_end(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web:
        web.answer = lambda path, before: None
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, *(post(web.url) for _ in range(20)))
            await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
            await web.came(20)
            began = time.monotonic()
        assert time.monotonic() - began < 3
        assert (service.dispatcher.counts.dead_lettered, service.dispatcher.waiting) == (0, 20)


async def test_an_answer_is_an_answer_whatever_it_says(bus: Bus, tmp_path: Path) -> None:
    async with sink() as web, running(bus, tmp_path) as service:
        web.answer = lambda path, before: 500
        run = await started(bus, "t", 1, post(web.url))
        await send(bus, alerts([("a", CRITICAL), ("b", CRITICAL)], 5), run)
        await web.came(2)
        await service.dispatcher.drained()
        assert len(web.posts) == 2 and service.dispatcher.counts.dead_lettered == 2


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
        await service.log.caught_up()
        await asyncio.wait_for(service.dispatcher.drained(), 30)
        await asyncio.wait_for(whole.wait(), 30)
    server.close()
    logged = log.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["id"] for line in logged] == ["a", "<b>"] and b'"id":"\\u003cb\\u003e"' in logged[1]
    assert lines == [line + b"\n" for line in logged]
    assert out.read_bytes() == b"arg\n" + logged[0] + b"arg\n" + logged[1]
    assert log.stat().st_mode & 0o777 == 0o644
    assert service.dispatcher.counts.dead_lettered == 2


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
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        await asyncio.wait_for(service.dispatcher.drained(), 30)
        counts = service.dispatcher.counts
        assert (counts.handled, counts.dead_lettered, counts.retried) == ({"exec": 1}, 2, 0)
    assert len(count.read_text().split()) == 3
    failed, broken_off = sorted(logged("alert events given up on"))
    assert 'id=a err="/bin/sh: exit status 7; output: no such host"' in failed
    assert 'id=a err="/bin/sh: not ended within 0.3 s, signal: terminated; output: so far"' in broken_off


async def test_a_command_ends_with_the_service_and_is_not_run_again(bus: Bus, tmp_path: Path) -> None:
    pids = Pipe(tmp_path / "pids")
    try:
        async with running(bus, tmp_path) as service:
            run = await started(bus, "t", 1, shell(f"sleep 60 & echo $! > {pids.path}; wait"))
            await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
            child = int(await pids.said())
        assert gone(child)
        assert service.dispatcher.counts.dead_lettered == 1
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
        await service.log.folded(await send(bus, alerts([("a", CRITICAL)], 5), run))
        async with asyncio.timeout(20):
            while not file.exists() or not file.read_bytes():
                await asyncio.sleep(0.01)
