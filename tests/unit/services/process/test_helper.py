"""The helper process: what it gives, and that nothing that it is given to do harms the one that asks."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from types import MappingProxyType

import pytest
import pytest_asyncio

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from services.process.helper import Helper, HelperFailed


@pytest_asyncio.fixture
async def helper() -> AsyncIterator[Helper]:
    found = Helper("test")
    yield found
    await found.close()


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises(helper: Helper) -> None:
    assert await helper.run(30, math.gcd, 12, 18) == 6
    assert await helper.run(30, dict, MappingProxyType({"a": 1})) == {"a": 1}
    pid = await helper.run(30, os.getpid)
    assert pid != os.getpid()
    with pytest.raises(ValueError, match="math domain error"):
        await helper.run(30, math.sqrt, -1.0)
    with pytest.raises(TickscriptError) as failed:
        await helper.run(30, parse, "var x =\n")
    assert failed.value.position.line == 2
    assert await helper.run(30, os.getpid) == pid


async def test_what_takes_too_long_is_ended_and_the_next_is_done(helper: Helper) -> None:
    await helper.run(30, os.getpid)
    begun = time.monotonic()
    with pytest.raises(HelperFailed, match=r"it takes longer than 0.1 s") as failed:
        await helper.run(0.1, time.sleep, 60)
    assert time.monotonic() - begun < 20 and not failed.value.for_now
    assert await helper.run(30, math.gcd, 12, 18) == 6


async def test_what_takes_too_much_memory_or_ends_the_process_is_said_so(helper: Helper) -> None:
    with pytest.raises(HelperFailed, match="it takes more memory than 2048 MiB"):
        await helper.run(30, bytes, 8 << 30)
    with pytest.raises(HelperFailed, match="the process that was at it has ended"):
        await helper.run(30, os._exit, 3)
    assert await helper.run(30, math.gcd, 12, 18) == 6


async def test_a_process_that_somebody_ended_is_not_the_fault_of_the_work(helper: Helper) -> None:
    pid = await helper.run(30, os.getpid)
    asking = asyncio.create_task(helper.run(30, _pid_after, 0.3))
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    assert await asking != pid


async def test_a_caller_that_goes_away_takes_the_work_with_it(helper: Helper) -> None:
    pid = await helper.run(30, os.getpid)
    asking = asyncio.create_task(helper.run(60, time.sleep, 60))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.wait([asking])
    assert await helper.run(30, os.getpid) != pid


async def test_no_more_than_so_much_waits(helper: Helper) -> None:
    asking = [asyncio.create_task(helper.run(60, time.sleep, 60)) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(HelperFailed, match="too much waits") as failed:
        await helper.run(30, os.getpid)
    assert failed.value.for_now
    for one in asking:
        one.cancel()
    await asyncio.wait(asking)


async def test_the_process_ends_with_whoever_began_it() -> None:
    script = (
        "import asyncio, os, time\n"
        "from services.process.helper import Helper\n"
        "async def main():\n"
        "    helper = Helper('test')\n"
        "    print(await helper.run(30, os.getpid), flush=True)\n"
        "    await helper.run(60, time.sleep, 60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 30))
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while _lives(pid):
            await asyncio.sleep(0.02)


def _pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
