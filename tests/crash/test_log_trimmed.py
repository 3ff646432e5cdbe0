"""Looks at a log that lets go of its oldest writes, by bytes or by age: told from when on it can be had."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

from services.bus.connection import Bus
from services.bus.streams import WRITES
from tests.crash.looks import V1, failed, finished, over, status
from tests.crash.processes import Api, Services
from tests.support.alerts import sink

BEGAN = "2023-01-01T00:00:00Z"
T0_MS = 1_700_000_000_000
PADDING = "x" * 10_000
A_BODY = 50
SCRIPT = "stream|from().measurement('m')|alert().id('x').crit(lambda: \"n\" % 2 == 1).stateChangesOnly().topic('t')"
COUNTED = "stream|from().measurement('m')|stateCount(lambda: TRUE).as('c')|alert().id('x').crit(lambda: \"c\" > 0)"
HOLDS, REACHES = "the log holds only what was written since 20", "the log reaches back to 20"
NOTHING, LET_GO = "the log holds nothing from before 20", "let go of its oldest messages meanwhile"


async def test_by_bytes(tmp_path: Path) -> None:
    """Asked for what is gone, for what is gone in part, and for what goes before anybody has begun to look."""
    async with Services(tmp_path, {"KAPACITOR_NATS_WRITE_MAX_BYTES": "2000000"}) as services, Api(services) as api:
        await services.start("gateway")
        assert (await api.define("t", SCRIPT, status="disabled")).status_code == 200
        before = time.time_ns()
        async with await Bus.connect(services.nats.url, "test") as bus:
            written = await _write_until_trimmed(api, bus, 0)
            looks: list[dict[str, Any]] = [{"task": "t"}, {"script": SCRIPT, "dbrps": [{"db": "db", "rp": "rp"}]}]
            for kind, what in (("traces", looks[0]), ("backtests", looks[0]), ("backtests", looks[1])):
                gone = await api.call("POST", f"{V1}/{kind}", json={**what, "start": BEGAN, "stop": before})
                assert gone.status_code == 410 and HOLDS in gone.json()["error"], gone.text

            # what there is by now goes before a recorder comes
            stop = time.time_ns()
            for id in ("trace", "backtest"):
                await _ask(api, id, "goes", stop)
            written = await _write_until_trimmed(api, bus, written)
            while await _first(bus) < stop:
                written = await _write_until_trimmed(api, bus, written)
            for id in ("trace", "backtest"):
                await _ask(api, id, "part")
            await services.start("recorder")
            assert NOTHING in await failed(api, "traces/goes")
            assert REACHES in await failed(api, "backtests/goes")
            held = (await bus.stream_state(WRITES)).messages * A_BODY
        trace, backtest = [(await finished(api, f"{kind}/part"))["summary"] for kind in ("traces", "backtests")]
        assert trace["nodes"]["from1"]["out"] == backtest["points"] == held < written
        assert "what was written before is not in here" in trace["log"]["trimmed"]
        assert any(REACHES in note for note in backtest["notes"])


async def test_while_they_are_under_way(tmp_path: Path) -> None:
    """All that is to be read goes at once, and nothing is written any more."""
    async with Services(tmp_path) as services, Api(services) as api:
        await services.start("gateway", "recorder")
        assert (await api.define("t", SCRIPT, status="disabled")).status_code == 200
        await _write(api, 0, 8000)
        jobs = await _stopped_in_the_middle(services, api)
        async with await Bus.connect(services.nats.url, "test") as bus:
            assert await bus.purge(WRITES, "tickbus.write.>", await bus.last_sequence(WRITES))
        services["recorder"].send(signal.SIGCONT)
        traced, tested = [await over(api, job) for job in jobs]
        found, reckoned = traced["summary"], tested["summary"]
        # a recorder that stood still for so long that its work was no longer its own has begun anew
        if traced["status"] == "finished":
            assert 0 < found["nodes"]["from1"]["out"] <= 8000 and LET_GO in found["log"]["trimmed"], traced
        else:
            assert NOTHING in traced["error"]
        if tested["status"] == "finished":
            assert 0 < reckoned["points"] < 8000 and any(LET_GO in note for note in reckoned["notes"]), tested
        else:
            assert REACHES in tested["error"]


async def test_a_state_from_before_its_beginning(tmp_path: Path) -> None:
    """What lies between the state that is kept and the log's first write is missing, and that is said."""
    often = {"KAPACITOR_ENGINE_HISTORY_EVERY": "500ms"}
    async with Services(tmp_path, often) as services, Api(services) as api:
        await services.start("gateway", "recorder", "w1")
        assert (await api.define("t", COUNTED)).status_code == 200
        await _write(api, 0, A_BODY)
        async with asyncio.timeout(60):
            while (await api.call("GET", f"{V1}/history?task=t")).json()["tasks"][0]["newest"]["sequence"] < 1:
                await asyncio.sleep(0.1)
        await services["w1"].kill()
        await _write(api, A_BODY, 4 * A_BODY)
        async with await Bus.connect(services.nats.url, "test") as bus:
            await bus.purge(WRITES, "tickbus.write.>", 3)
            first = await _first(bus)
            await _ask(api, "trace", "j", start=first - 1)
            await _ask(api, "backtest", "j", start=first - 1)
        trace, backtest = [(await finished(api, f"{kind}/j"))["summary"] for kind in ("traces", "backtests")]
        assert trace["began"]["with"] == backtest["began"] == "state"
        assert "is no longer in the log" in trace["began"]["note"]
        assert any(note.endswith("is no longer in the log") for note in backtest["notes"])
        assert trace["nodes"]["state_count2"]["out"] == backtest["alerts"] == A_BODY


async def test_by_age(tmp_path: Path) -> None:
    """Nothing is left at all."""
    short = {"KAPACITOR_NATS_WRITE_MAX_AGE": "2s"}
    async with Services(tmp_path, short) as services, Api(services) as api, sink() as web:
        await services.start("gateway", "alerting", "recorder", "w1")
        assert (await api.define("t", f"{SCRIPT}.post('{web.url}')")).status_code == 200
        assert (await api.write(f"m n=1i {T0_MS}")).status_code == 204
        await web.came(1)
        async with await Bus.connect(services.nats.url, "test") as bus, asyncio.timeout(60):
            while (await bus.stream_state(WRITES)).messages:
                await asyncio.sleep(0.1)
        for kind in ("traces", "backtests"):
            gone = await api.call("POST", f"{V1}/{kind}", json={"task": "t", "start": BEGAN})
            assert gone.status_code == 410 and HOLDS in gone.json()["error"], gone.text
        why = await api.call("GET", f"{V1}/alerts/topics/t/events/x/why", timeout=60)
        assert why.status_code == 410 and "not in the log any more, which holds nothing" in why.json()["error"]
        assert (await api.write(f"m n=2i {T0_MS + 1}")).status_code == 204
        why = await api.call("GET", f"{V1}/alerts/topics/t/events/x/why?at={T0_MS}000000", timeout=60)
        assert why.status_code == 410 and "which begins at 20" in why.json()["error"]


async def _ask(api: Api, kind: str, id: str, stop: int | None = None, start: int | str = BEGAN) -> None:
    asked = {"id": id, "task": "t", "start": start, **({} if stop is None else {"stop": stop})}
    answer = await api.call("POST", f"{V1}/{kind}s", json=asked)
    assert answer.status_code == 201, answer.text


async def _write(api: Api, begin: int, end: int) -> None:
    for at in range(begin, end, A_BODY):
        lines = [f'm n={n}i,s="{PADDING}" {T0_MS + n}' for n in range(at, at + A_BODY)]
        assert (await api.write("\n".join(lines))).status_code == 204


async def _write_until_trimmed(api: Api, bus: Bus, written: int) -> int:
    """Write until the log has let go of what it held; gives how many points were written in all."""
    first = (await bus.stream_state(WRITES)).first_seq
    async with asyncio.timeout(60):
        while (await bus.stream_state(WRITES)).first_seq <= max(first, 1):
            await _write(api, written, written + A_BODY)
            written += A_BODY
    return written


async def _first(bus: Bus) -> int:
    """When the first message that the log holds was stored, ns."""
    first = await bus.first_message(WRITES, 1)
    assert first is not None
    return first.time_ns


async def _stopped_in_the_middle(services: Services, api: Api) -> list[str]:
    """A trace and a backtest, whose recorder stands still while they have gone through a part of the log."""
    recorder = services["recorder"]
    for number in range(20):
        jobs = [f"traces/{number}", f"backtests/{number}"]
        recorder.send(signal.SIGSTOP)
        for kind in ("trace", "backtest"):
            await _ask(api, kind, str(number))
        recorder.send(signal.SIGCONT)
        for job in jobs:
            while not (await api.call("GET", f"{V1}/{job}")).json()["progress"]:
                await asyncio.sleep(0.005)
        recorder.send(signal.SIGSTOP)
        if {await status(api, job) for job in jobs} == {"running"}:
            return jobs
        recorder.send(signal.SIGCONT)
    raise AssertionError("they are always over before they can be stopped")
