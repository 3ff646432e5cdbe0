"""A task in parts: they take over from the whole under load, move between workers, and lose and repeat nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from services.bus.events import decode
from services.bus.streams import EVENTS
from services.dryrun.log_reader import read_subjects
from services.store.folds import tasks
from services.store.folds.layouts import Layout
from services.store.folds.state import State
from tests.crash.load import HOSTS, Load, Sink, check_both, define_both, sums
from tests.crash.looks import V1, ask, finished, lines_of
from tests.crash.processes import ROOT, Api, Services

SPLIT = {"KAPACITOR_ENGINE_SPLIT_sums": "3", "KAPACITOR_ENGINE_SPLIT_levels": "3"}
"""Of which the hosts of the load are in two."""
KEPT = {"KAPACITOR_ENGINE_HISTORY_EVERY": "500ms"}


async def test_a_task_is_split_under_load_and_a_worker_is_killed(tmp_path: Path) -> None:
    async with Services(tmp_path, SPLIT | KEPT) as services, Sink() as sink:
        await services.start("gateway", "alerting", "recorder", "one", "two")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                for id in ("sums", "levels"):
                    layout = await settled(services, id)
                    assert set(layout.workers.values()) == {"one", "two"}, "both have some of it"
                await load.more(100)
                await services["one"].kill()
                await load.more(100)
                await services.start("three")
                await load.more(100)
                # of three parts no worker has more than two for long
                layout = await settled(services, "sums", {"two", "three"})
                await _is_tapped_as_one(api)
                start = await _kept_of_all(api, "sums", layout)
                await load.more(100)
            await check_both(load, sink)
            await _is_looked_back_at_as_one(api, load, layout, start)
            await _is_shown_as_one(services, api, load)
            for id in ("sums", "levels"):
                await api.until_stats(id, "from1", collected=load.written * len(HOSTS))
                answer = await api.call("PATCH", f"/kapacitor/v1/tasks/{id}", json={"status": "disabled"})
                assert answer.status_code == 200
            assert not (await api.task("sums"))["executing"]
            async with await Bus.connect(services.nats.url, "test") as bus:
                objects = await bus.objects("handovers")
                assert not await objects.list(), "what was handed over is of no use any more"


async def test_a_task_goes_back_to_one_place_where_the_setting_is_gone(tmp_path: Path) -> None:
    async with Services(tmp_path, SPLIT) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                before = await settled(services, "sums")
                assert len(before.shards) == 3
                await load.more(100)
                assert await services["one"].stop() == 0
                services["one"]._environment |= dict.fromkeys(SPLIT, "1")
                await services.start("one")
                layout = await settled(services, "sums", after=before)
                assert len(layout.shards) == 1
                await load.more(100)
            await check_both(load, sink)
            await api.until_stats("sums", "from1", collected=load.written * len(HOSTS))
            assert "split" not in await api.task("sums")


async def test_workers_are_killed_while_parts_take_over_from_others(tmp_path: Path) -> None:
    async with Services(tmp_path, SPLIT) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one", "two")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                await unsettled(services, "sums")
                for victim in ("one", "two"):
                    await services[victim].kill()
                    await load.more(50)
                    await services.start(victim)
                await settled(services, "sums")
                await load.more(50)
            await check_both(load, sink)
            for id in ("sums", "levels"):
                await api.until_stats(id, "from1", collected=load.written * len(HOSTS))


async def test_a_task_that_takes_much_of_a_worker_is_split_by_itself(tmp_path: Path) -> None:
    async with Services(tmp_path, {"KAPACITOR_ENGINE_SPLIT_SHARE": "0.0001"}) as services, Sink() as sink:
        await services.start("gateway", "alerting", "one", "two")
        async with Api(services) as api:
            await define_both(api, sink)
            load = Load(api)
            async with load.running():
                layout = await settled(services, "sums")
                assert set(layout.workers.values()) == {"one", "two"}
                await load.more(50)
            await check_both(load, sink)


async def _is_shown_as_one(services: Services, api: Api, load: Load) -> None:
    """Statistics are sums, the rows that httpOut shows are together, and what is split over whom is told."""
    await api.until_stats("sums", "http_out4", working_cardinality=len(HOSTS))
    shown = await api.call("GET", "/kapacitor/v1/tasks/sums/sums")
    assert [row["tags"]["host"] for row in shown.json()["series"]] == list(HOSTS)
    split = (await api.task("sums"))["split"]
    assert (split["by"], len(split["workers"]), split["settled"]) == ("'host'", 3, True)
    metrics = (await api.call("GET", "/metrics")).text
    assert metrics.count('tickbus_task_parts{task="sums",part="') == 3
    told = (await api.call("GET", "/kapacitor/v1/tasks?pattern=sums&fields=split")).json()["tasks"][0]
    assert told["split"] == {"now": split, "could": "'host'", "node": "", "reason": ""}
    explained = await command_line("-url", services.url, "explain", "sums")
    assert "sums is split by 'host' into 3 parts: 0 on" in explained
    assert "It can be split by 'host'." in explained


async def _is_tapped_as_one(api: Api) -> None:
    """A tap tells what leaves the nodes of all parts."""
    lines = (await api.call("GET", "/kapacitor/v1/tasks/sums/tap?node=from1&rate=1000&for=1s")).text.splitlines()
    assert {line["group"] for line in map(json.loads, lines) if "group" in line} == {f"host={host}" for host in HOSTS}


async def _kept_of_all(api: Api, task: str, layout: Layout) -> int:
    """Wait until states are kept of all parts of a layout; gives a time (ns) from which on there are."""
    async with asyncio.timeout(60):
        while True:
            told = (await api.call("GET", f"{V1}/history?task={task}")).json()["tasks"]
            points = told[0]["points"] if told else []
            if len({p["part"] for p in points if p["position"] > (layout.position or 0)} - {None}) == len(
                layout.shards
            ):
                return time.time_ns()
            await asyncio.sleep(0.1)


async def _is_looked_back_at_as_one(api: Api, load: Load, layout: Layout, start: int) -> None:
    """A trace begins at the states of the parts, and shows what they did; so does the why of an alert."""
    trace = await ask(api, "trace", task="sums", start=start, node="alert5")
    began = (await finished(api, trace))["summary"]["began"]
    assert began["with"] == "state" and began["position"] > (layout.position or 0), began
    alerts = [line for line in await lines_of(api, trace) if line["kind"] == "alert"]
    for host in HOSTS:
        raised = [alert["message"] for alert in alerts if alert["id"] == host]
        assert raised and raised == sums(load.written)[-len(raised) :]
        why = (await api.call("GET", f"{V1}/alerts/topics/main:levels:alert2/events/{host}/why", timeout=60)).json()
        assert why["agrees"] and not why["notes"], why


async def command_line(*arguments: str) -> str:
    """What a `tickbus` command prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *arguments, cwd=ROOT, stdout=PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()


async def settled(services: Services, task: str, by: set[str] | None = None, after: Layout | None = None) -> Layout:
    """Wait until a task runs in parts, by these workers, of a layout after that one; gives its layout."""
    deadline = time.monotonic() + 60.0
    while True:
        layout = await layout_of(services, task)
        there = layout is not None and layout.settled and by in (None, set(layout.workers.values()))
        if layout is not None and there and (after is None or layout.sequence > after.sequence):
            return layout
        assert time.monotonic() < deadline, f"{task} does not run in parts: {layout}"
        await asyncio.sleep(0.2)


async def unsettled(services: Services, task: str) -> Layout:
    """Wait until a task is about to run in other parts; gives the layout that is to come."""
    deadline = time.monotonic() + 60.0
    while (layout := await layout_of(services, task)) is None or layout.settled:
        assert time.monotonic() < deadline, f"{task} does not come to run in other parts"
        await asyncio.sleep(0.02)
    return layout


async def layout_of(services: Services, task: str) -> Layout | None:
    state = State()
    async with await Bus.connect(services.nats.url, "test") as bus:
        last: Any = await bus.last_sequence(EVENTS)
        async for messages in read_subjects(bus, EVENTS, tasks.SUBJECTS, 0, last):
            for message in messages:
                event = decode(message)
                state.take(tasks.fold, event, event.seq)
    record = tasks.task_of(state, task)
    return None if record is None or record.run is None else record.run.layout
