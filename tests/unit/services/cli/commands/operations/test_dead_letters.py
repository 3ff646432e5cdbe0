"""``tickbus dead-letters`` on the bus of a server that runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from tests.support.nats import NatsServer, nats_server
from tests.unit.services.cli.conftest import Run, RunCommand

__all__ = ["nats_server"]


@pytest.fixture
def run(run_command: RunCommand) -> Run:
    return run_command("dead-letters")


async def test_what_was_set_aside_is_listed_shown_and_dropped(run: Run, nats_server: NatsServer) -> None:
    assert await run("list") == (0, "NUMBER  WHEN  BY  MESSAGE  BYTES  WHY\n", "")
    assert await run("show", "1") == (1, "", "tickbus dead-letters: there is no dead letter 1\n")
    async with await Bus.connect(nats_server.url, "engine-0") as bus:
        data = b"m v=1\x1b[31m\n\xff"
        bus.set_aside(
            "WRITES", StoredMessage(7, "tickbus.write.db.rp", data, {"precision": "s"}, time.time_ns()), "bad\x1b\nline"
        )
        bus.dead_letters.keep("", 0, "tickbus.alert.a", b"x" * 100_000, None, "too large")
        async with asyncio.timeout(10):
            while len(found := await bus.dead_letters.all()) < 2:
                await asyncio.sleep(0.02)
    code, out, _ = await run("list")
    head, first, second = out.splitlines()
    assert code == 0 and head.split() == ["NUMBER", "WHEN", "BY", "MESSAGE", "BYTES", "WHY"]
    assert "engine-0" in first and "WRITES 7" in first and first.endswith("12      bad\N{REPLACEMENT CHARACTER} line")
    assert "tickbus.alert.a" in second and second.endswith("100000  too large")
    code, out, _ = await run("show", str(found[0].number))
    assert code == 0 and "header precision: s" in out and "sequence: 7" in out
    assert out.endswith("\n\nm v=1\N{REPLACEMENT CHARACTER}[31m\n\\xff\n"), (
        "nothing that a terminal would take for orders"
    )
    assert "of which 65536 are kept" in (await run("show", str(found[1].number)))[1]
    assert await run("drop", str(found[0].number)) == (0, "1 dropped\n", "")
    assert (await run("drop", str(found[0].number)))[0] == 1
    assert await run("drop") == (0, "1 dropped\n", "")


async def test_without_a_server(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state.json").unlink()
    code, _, err = await run("list")
    assert code == 1 and "no `tickbus serve` runs on" in err
