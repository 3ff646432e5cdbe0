"""Starting and stopping: with many tasks, while the engine is away, in good order."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from pathlib import Path

from tests.crash.load import HOSTS, Load, Sink, check_both, define_both, define_quickly, level_after, sums, transitions
from tests.crash.processes import Api, Serve, Services, eventually

TASKS = 1000
START_SECONDS = 30.0  # of a processor, by all services together: whatever else the machine does
STOP_SECONDS = 30.0  # well under 10 s there
PARSE_SECONDS = 180.0  # 30 s there: scripts that no worker has seen are read in half its time, the rest is the data's

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
    environment = {"KAPACITOR_ENGINE_SNAPSHOT_INTERVAL": "10s", "KAPACITOR_ENGINE_LEASE_TTL": "10s"}
    async with Serve(tmp_path, environment=environment) as serve, Api(serve) as api:
        await define_quickly(serve, {f"task{number}": SCRIPT.replace("NUMBER", str(number)) for number in range(TASKS)})
        last = [f"task{number}" for number in range(TASKS - 10, TASKS)]
        for id in last:
            await api.until_stats(id, "mean3", timeout=PARSE_SECONDS, collected=0)
        began = time.monotonic()
        assert await serve.stop(STOP_SECONDS) == 0
        stopped = time.monotonic() - began
        await serve.start()
        for id in last:
            await api.until_stats(id, "mean3", timeout=PARSE_SECONDS, collected=0)
        started = serve.processor_seconds()
        print(f"{TASKS} tasks: stopped in {stopped:.1f} s, started in {started:.1f} s of a processor")
        assert started < START_SECONDS
        assert await serve.stop(STOP_SECONDS) == 0
        await _stopped_while_it_starts(serve)
        await serve.start()
        for id in last:
            await api.until_stats(id, "mean3", timeout=PARSE_SECONDS, collected=0)


async def _stopped_while_it_starts(serve: Serve) -> None:
    """The workers' own files are gone, so that they have everything before them."""
    shutil.rmtree(serve.data / "engine")
    before = len(serve.logged("took shards"))
    unclean = len(serve.logged("killing it") + serve.logged("could not be saved"))
    starting = asyncio.create_task(serve.start())
    await eventually(lambda: len(serve.logged("took shards")) > before, "tasks are taken up")
    assert await serve.stop(STOP_SECONDS) == 0
    with contextlib.suppress(AssertionError):  # it was not ready
        await starting
    assert len(serve.logged("killing it") + serve.logged("could not be saved")) == unclean, serve.tail()


async def test_stopped_in_good_order(tmp_path: Path) -> None:
    """SIGTERM under load: exit 0 in time, everything saved, nothing replayed at the next start and nothing missing."""
    async with Serve(tmp_path, workers=2) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            for number in (signal.SIGTERM, signal.SIGINT):
                await load.more(80)
                assert await serve.stop(STOP_SECONDS, number) == 0
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
                first = transitions(0, seen)
                then = transitions(enabled, load.written, level_after(seen))
                await sink.count("/levels", host, len(first + then))
                # each run has its own handlers, which go beside each other
                got = sink.messages("/levels", host)
                assert [m for m in got if m in first] == first and [m for m in got if m not in first] == then
            assert not (await api.task("sums"))["executing"]
            assert (await api.task("levels"))["executing"]
            assert not await api.stats("sums", "from1")


async def _patch(api: Api, id: str, status: str, expected: int) -> None:
    answer = await api.call("PATCH", f"/kapacitor/v1/tasks/{id}", json={"status": status})
    assert answer.status_code == expected, answer.text
