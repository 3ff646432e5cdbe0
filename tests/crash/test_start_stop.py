"""Starting and stopping: with many tasks, while the engine is away, in good order."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

from tests.crash.load import HOSTS, LEVELS, SUMS, Load, Sink, check_both, define_both, sums, transitions
from tests.crash.processes import Api, Program, Serve, Services

TASKS = 1000
START_SECONDS = 5.0
STOP_SECONDS = 10.0

SCRIPT = """
var period = 10s
var threshold = NUMBER.0

stream
    |from()
        .measurement('cpuNUMBER')
        .where(lambda: "host" != 'none' AND isPresent("usage"))
        .groupBy('host')
    |window()
        .period(period)
        .every(period)
        .align()
    |mean('usage')
        .as('usage')
    |eval(lambda: "usage" * 1.5, lambda: if("usage" > threshold, 'high', 'low'))
        .as('scaled', 'state')
        .keep('usage', 'scaled', 'state')
    |alert()
        .id('{{ index .Tags "host" }}/NUMBER')
        .message('{{ .ID }} is {{ .Level }}: {{ index .Fields "usage" }}')
        .warn(lambda: "usage" > threshold)
        .warnReset(lambda: "usage" < threshold - 1.0)
        .crit(lambda: "usage" > threshold * 2.0)
        .critReset(lambda: "usage" < threshold * 2.0 - 1.0)
        .stateChangesOnly()
        .topic('cpu')
    |httpOut('out')
"""


async def test_a_thousand_tasks_start_quickly(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api:
        gate = asyncio.Semaphore(16)

        async def define(number: int) -> None:
            async with gate:
                answer = await api.define(f"task{number}", SCRIPT.replace("NUMBER", str(number)))
                assert answer.status_code == 200, answer.text

        began = time.monotonic()
        await asyncio.gather(*map(define, range(TASKS)))
        defined = time.monotonic() - began
        began = time.monotonic()
        assert await serve.stop(STOP_SECONDS) == 0
        stopped = time.monotonic() - began
        began = time.monotonic()
        await serve.start()
        started = time.monotonic() - began
        print(f"{TASKS} tasks: defined in {defined:.1f} s, stopped in {stopped:.1f} s, started in {started:.1f} s")
        for number in (0, TASKS - 1):
            task = await api.task(f"task{number}")
            assert task["executing"] and "mean4" in task["stats"]["node-stats"], task
        assert started < START_SECONDS


async def test_stopped_in_good_order(tmp_path: Path) -> None:
    """SIGTERM under load: exit 0 in time, everything saved, nothing replayed at the next start and nothing missing."""
    async with Serve(tmp_path, workers=2) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            for number in (signal.SIGTERM, signal.SIGINT):
                await load.more(80)
                serve.signal(number)
                assert await serve.stop(STOP_SECONDS) == 0
                assert not (serve.data / "state.json").exists()
                await serve.start()
            await load.more(40)
        await check_both(load, sink)
        assert not serve.logged("killing it"), serve.tail()
        assert not serve.logged("could not be saved"), serve.tail()


async def test_tasks_change_while_the_engine_is_away(tmp_path: Path) -> None:
    """A task runs on the writes from its enabling to its disabling, whenever a worker comes to it."""
    async with Services(tmp_path) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            await load.write(100)
            await check_both(load, sink)
            await services["one"].kill()
            await load.write(60)
            seen = load.written
            await asyncio.gather(*(_patch(api, id, "disabled", 200) for id in ("sums", "levels")))
            await load.write(60)
            # nobody can run it: that is said, and it is enabled all the same
            answer = await api.call("PATCH", "/kapacitor/v1/tasks/levels", json={"status": "enabled"})
            assert answer.status_code == 503 and "retry-after" in answer.headers, answer.text
            enabled = load.written
            await load.write(60)
            await services.start("one")
            await load.write(60)
            for host in HOSTS:
                await sink.has("/sums", host, sums(seen))
                first, rest = transitions(seen), _transitions_between(enabled, load.written, first_level(seen))
                await sink.has("/levels", host, first + rest)
            assert not (await api.task("sums"))["executing"]
            assert (await api.task("levels"))["executing"]
            assert not await api.stats("sums", "from1")


def first_level(seen: int) -> str:
    """The level that a topic remembers after so many points."""
    changes = transitions(seen)
    return changes[-1].partition(" ")[0] if changes else "OK"


def _transitions_between(start: int, end: int, before: str) -> list[str]:
    from tests.crash.load import level

    out = []
    for n in range(start, end):
        if level(n) != before:
            before = level(n)
            out.append(f"{before} {n}")
    return out


async def _patch(api: Api, id: str, status: str, expected: int) -> None:
    answer = await api.call("PATCH", f"/kapacitor/v1/tasks/{id}", json={"status": status})
    assert answer.status_code == expected, answer.text
