"""Taps: which rows are told, how many, and that a run is looked at for no longer than somebody asks for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.bus.connection import Bus
from services.bus.errors import PayloadTooLarge
from services.bus.subjects import tap_subject
from services.columns.groups.shown import MOST_POINTS
from services.engine.worker import taps as module
from services.engine.worker.taps import Tap, TaskTaps
from tests.support.graph import ScriptRun
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

SCRIPT = "stream|from().measurement('m').groupBy('host')|where(lambda: \"x\" >= 8)|log()"
NODES = {0: "stream0", 1: "from1", 2: "where2", 3: "log3"}


def lines(n: int) -> str:
    return "\n".join(f"m,host={'ab'[i % 2]} x={i}i {i}" for i in range(n))


class Looking:
    """A script's run with one tap, which is told by hand."""

    def __init__(self, script: str = SCRIPT, nodes: dict[int, str] | None = None, rate: int = 100, **tags: str) -> None:
        self.sent: list[bytes] = []
        self.run = ScriptRun(script)
        self.tap = Tap(self.run.table, nodes or NODES, tags, rate, self.sent.append)
        self.run.run.observe(self)

    def enters(self, node: int, inputs: Any) -> None:
        pass

    def leaves(self, node: int, messages: Any) -> None:
        self.tap.saw(node, messages)

    def rows(self) -> list[dict[str, Any]]:
        self.tap.flush()
        return [json.loads(line) for data in self.sent for line in data.splitlines()]


async def test_rows_are_of_the_nodes_and_tags_that_are_asked_for() -> None:
    looking = Looking(nodes={2: "where2"}, host="a")
    looking.run.write(lines(10))
    assert looking.rows() == [
        {
            "node": "where2",
            "group": "host=a",
            "point": "m",
            "time": "1970-01-01T00:00:00.000000008Z",
            "tags": {"host": "a"},
            "fields": {"x": 8},
        }
    ]


async def test_of_more_than_the_rate_an_even_part_is_told_and_the_rest_is_counted() -> None:
    looking = Looking(nodes={0: "stream0"}, rate=11)
    looking.run.write(lines(101)).write(lines(50))
    *rows, last = looking.rows()
    assert [row["fields"]["x"] for row in rows] == list(range(0, 101, 10))
    assert last == {"left-out": 140}


async def test_nodes_have_equal_shares_and_what_one_does_not_need_is_the_others() -> None:
    looking = Looking(rate=20)
    looking.run.write(lines(10))
    *rows, last = looking.rows()
    told = [row["node"] for row in rows]
    assert {name: told.count(name) for name in NODES.values()} == {"where2": 2, "log3": 2, "stream0": 8, "from1": 8}
    assert last == {"left-out": 4}


async def test_batches_and_barriers() -> None:
    looking = Looking(
        "stream|from().measurement('m').groupBy('host')|barrier().period(1s)|window().periodCount(300).everyCount(300)",
        nodes={2: "barrier2", 3: "window3"},
        rate=1000,
    )
    looking.run.write("\n".join(f"m,host=a x=1 {i}" for i in range(300)))
    looking.run.tick(looking.run.clock + 5 * 10**9)
    rows = looking.rows()
    (batch,) = (row for row in rows if "batch" in row)
    assert (batch["node"], batch["group"], batch["batch"]) == ("window3", "host=a", "m")
    assert len(batch["points"]) == MOST_POINTS + 1 and {"left-out": 300 - MOST_POINTS} in batch["points"]
    barriers = [row for row in rows if "barrier" in row and row["node"] == "barrier2"]
    assert barriers and barriers[0]["tags"] == {"host": "a"} and barriers[0]["time"].startswith("2")


async def test_lines_are_told_in_messages_that_the_bus_takes_and_what_it_does_not_is_counted() -> None:
    sizes: list[int] = []

    def send(data: bytes) -> None:
        if len(data) > 600_000:
            raise PayloadTooLarge("too large")
        sizes.append(len(data))
        sent.append(data)

    sent: list[bytes] = []
    looking = Looking(nodes={0: "stream0"})
    looking.tap = Tap(looking.run.table, {0: "stream0"}, {}, 100, send)
    texts = ["x" * 100_000] * 6 + ["y" * 700_000]
    looking.run.write("\n".join(f'm s="{text}" {i}' for i, text in enumerate(texts)))
    looking.tap.flush()
    assert len(sizes) == 4 and max(sizes) < 300_000
    assert json.loads(sent[-1]) == {"left-out": 1}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        yield bus


async def test_a_run_is_looked_at_for_as_long_as_somebody_asks(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ScriptRun(SCRIPT)
    looked: list[object] = []
    observe = run.run.observe
    monkeypatch.setattr(run.run, "observe", lambda one: (looked.append(one), observe(one)))
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    bus.listen(tap_subject("one"), heard.put_nowait)
    taps = TaskTaps(bus, run.run)
    assert taps.ask("one", "where2", {}, 100, 60) == (200, "")
    assert taps.ask("two", "", {}, 100, 0.05) == (200, "")
    run.write(lines(9))
    async with asyncio.timeout(30):
        assert json.loads(await heard.get())["fields"] == {"x": 8}
        assert taps.ask("one", "where2", {}, 100, 0.05) == (200, "")
        while looked[-1] is not None:
            await asyncio.sleep(0.01)
    assert looked == [taps, taps, None]
    assert taps.ask("one", "", {}, 100, 60) == taps.ask("one", "", {}, 100, 0) == (200, "")
    taps.ask("one", "", {}, 100, 60)
    taps.close()
    assert looked[3:] == [taps, None, taps, None]


async def test_what_cannot_be_tapped(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TAPS", 1)
    taps = TaskTaps(bus, ScriptRun(SCRIPT).run)
    names = ", ".join(NODES.values())
    assert taps.ask("one", "eval3", {}, 100, 60) == (404, f"task t has no node eval3: it has {names}")
    assert taps.ask("one", "", {}, 100, 60)[0] == 200
    assert taps.ask("two", "", {}, 100, 60) == (503, "task t is tapped 1 times: no more at once")
    taps.close()
