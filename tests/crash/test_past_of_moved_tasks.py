"""A task moves to another worker, the one before being killed between two states that it keeps of the task's past.

What was before and after that is explained and traced as if nothing had happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from services.bus.connection import Bus
from services.dryrun.state_history import StateHistory
from services.engine.states.history.records import KeptPoint
from tests.crash.looks import V1, ask, finished, lines_of
from tests.crash.processes import Api, Services
from tests.crash.test_workers import held_by

T0 = 1_700_000_000
SCRIPT = """stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE).as('n')
    |alert().id('a').crit(lambda: "n" % 4 < 2).stateChangesOnly().message('{{ index .Fields "n" }}').topic('t')"""
KEPT = {"KAPACITOR_ENGINE_HISTORY_EVERY": "3s"}


async def test_why_and_trace_over_the_move(tmp_path: Path) -> None:
    async with Services(tmp_path, KEPT) as services, Api(services) as api:
        await services.start("gateway", "alerting", "recorder", "one", "two")
        await held_by(services, {"one", "two"})
        assert (await api.define("t", SCRIPT)).status_code == 200
        async with await Bus.connect(services.nats.url, "test") as bus:
            history = await StateHistory.open(bus)
            points = _Points(api, history)
            kept = await points.write_until(lambda kept: len(kept) >= 3)
            before = points.written
            await points.write(6)
            listed = (await api.call("GET", f"{V1}/tasks?pattern=t&fields=worker")).json()["tasks"]
            worker = listed[0]["worker"]
            await services[worker].kill()
            await held_by(services, {"one", "two"} - {worker})
            moved = points.written
            await points.write(6)
            after = await points.write_until(lambda kept: len({point.mark for point in kept}) == 2)
            assert after[: len(kept)] == kept, "what the dead worker has kept is still there"
            assert len({point.run for point in after}) == 1
            await points.write(6)
        await api.until_stats("t", "from1", collected=points.written)

        changes = [n for n in range(2, points.written + 1) if n % 2 == 0]
        for n in (2, before, before + 4, moved + 2, moved + 6, changes[-1]):
            number = n - n % 2
            at = f"{V1}/alerts/topics/t/events/a/why?at={(T0 + number) * 10**9}"
            why = (await api.call("GET", at, timeout=60)).json()
            assert why["agrees"] and why["event"]["message"] == str(number), (number, why)
            assert why["cause"]["line"] == _line(number) and not why["notes"], (number, why)

        for start, first in ((0, 1), (await _stored(services, before + 2), before + 3)):
            trace = await ask(api, "trace", task="t", start=start, node="state_count2")
            shown = await finished(api, trace)
            out = [line["fields"]["n"] for line in await lines_of(api, trace) if line["kind"] == "out"]
            assert out == [*range(first, points.written + 1)], shown
            assert not shown["summary"]["log"]["trimmed"]


class _Points:
    """Writes points one after the other; the n-th is the n-th of its group. written: how many there are."""

    def __init__(self, api: Api, history: StateHistory) -> None:
        self._api, self._history = api, history
        self.written = 0

    async def write(self, count: int) -> None:
        for n in range(self.written + 1, self.written + count + 1):
            assert (await self._api.write(_line(n), precision="ns")).status_code == 204
        self.written += count

    async def write_until(self, condition: Callable[[list[KeptPoint]], bool]) -> list[KeptPoint]:
        """Write until this holds of the states that are kept, and give them."""
        async with asyncio.timeout(90):
            while not condition(points := await self._history.points("t")):
                await self.write(2)
                await asyncio.sleep(0.1)
        return points


def _line(n: int) -> str:
    return f"m,host=a x={n} {(T0 + n) * 10**9}"


async def _stored(services: Services, sequence: int) -> int:
    """When a write was stored, ns."""
    async with await Bus.connect(services.nats.url, "test") as bus:
        message = await bus.get_message("WRITES", sequence)
        assert message is not None
        return message.time_ns
