"""A process that is kept running, where it cannot be started."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from services.launcher.errors import CannotStart
from services.launcher.forking import ForkedProcess, Template
from services.launcher.supervised_process import ProcessSpec, SupervisedProcess


def program(file: Path) -> ProcessSpec:
    """Says that it is ready, and waits until its standard input is closed."""
    file.write_text("#!/bin/sh\necho ready\nread line\n")
    file.chmod(0o700)
    return ProcessSpec(name="engine-0", command=[str(file)], ready=re.compile("ready"))


async def test_one_that_cannot_be_started_again_is_tried_until_it_can(tmp_path: Path) -> None:
    file = tmp_path / "program"
    supervised = SupervisedProcess(program(file))
    await supervised.start()
    first = supervised.pid
    assert first is not None
    file.rename(tmp_path / "away")
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        while supervised.restarts < 2:
            await asyncio.sleep(0.01)
        (tmp_path / "away").rename(file)
        while supervised.pid in (None, first):
            await asyncio.sleep(0.01)
    await supervised.stop()
    assert supervised.pid is None


async def test_one_that_is_not_there_at_the_start_is_said(tmp_path: Path) -> None:
    file = tmp_path / "program"
    spec = program(file)
    file.unlink()
    supervised = SupervisedProcess(spec)
    with pytest.raises(CannotStart, match=r"^engine-0 did not start: .*No such file"):
        await supervised.start()
    await supervised.stop()


async def test_one_that_waits_to_be_forked_is_stopped_at_once() -> None:
    class Busy(Template):
        def __init__(self) -> None:
            self.asked, self.given_up = asyncio.Event(), False

        async def fork(self, *what: object) -> ForkedProcess:
            self.asked.set()
            try:
                return await asyncio.get_running_loop().create_future()
            finally:
                self.given_up = True

    template = Busy()
    program = ProcessSpec(name="one", command=["/no/such/program"], arguments=("one",), ready=re.compile("ready"))
    one = SupervisedProcess(program, template=template)
    starting = asyncio.create_task(one.start())
    async with asyncio.timeout(1.0):
        await template.asked.wait()
        await one.stop()
        await starting
    assert template.given_up
