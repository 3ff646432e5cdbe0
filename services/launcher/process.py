"""One supervised process: started, waited for until it is ready, started again when it dies, stopped."""

import asyncio
import contextlib
import os
import re
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services import log
from services.launcher.errors import CannotStart
from services.launcher.leash import LEASH, bound_command

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_SETTLED = 10.0
_ROOM_DELAY = 0.5


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to know that it is ready.

    ``ready`` is searched in each line that the program prints. ``ours`` marks a tickbus service, which holds the
    leash itself and logs to the launcher's own stderr; of another program both outputs are read, and each line is
    given to ``on_line``. ``stop_within`` is how many seconds it may take to stop before it is killed.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: re.Pattern[str]
    ours: bool = True
    on_line: Callable[[str], None] | None = None
    stop_within: float = 3.0


class Supervised:
    """A program that is kept running.

    ``start`` returns when it is ready for the first time, or raises CannotStart when it ended with an error of its
    own before; a program that is killed from outside, or that ends after it was ready, is started again: at once the
    first time, then after a delay that doubles up to five seconds, and not while the disk is ``full``. ``changed`` is
    called whenever pid changes.
    """

    def __init__(
        self,
        program: Program,
        changed: Callable[[], None] = lambda: None,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        self.program = program
        self.pid: int | None = None
        self.restarts = 0
        self._changed = changed
        self._full = full
        self._asked_to_restart = False
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._serves = False
        self._hang_up = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = log.get("launcher").bind(name=program.name)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=f"keep {self.program.name}")
        waiting = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait([self._task, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done() and not self._ready.is_set():
            self._task.result()

    def hang_up(self) -> None:
        """Send it SIGHUP: now if it is ready, else as soon as it is. Before that it might end by it."""
        self._hang_up = not self._serves
        if self._serves:
            self._signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Ask the program to end, kill it when it does not, and wait until it is gone."""
        self._stopping.set()
        if self._task is None:
            return
        await self._end(self._task)
        with contextlib.suppress(CannotStart):
            await self._task

    async def restart(self) -> bool:
        """Have the program end, and be started again at once; False where it does not run."""
        process = self._process
        if process is None or self._stopping.is_set():
            return False
        self._asked_to_restart = True
        await self._end(asyncio.create_task(process.wait()))
        return True

    async def _end(self, ended: asyncio.Task[Any]) -> None:
        """Ask the program to end, and kill it when it takes too long."""
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([ended], timeout=self.program.stop_within)
        if not done:
            self._log.warn("does not stop, killing it", after=self.program.stop_within)
            self._signal(signal.SIGKILL)

    async def _keep_running(self) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if not self._ready.is_set() and code > 0:
                raise CannotStart(f"{self.program.name} did not start: it ended with exit code {code}")
            if time.monotonic() - began > _SETTLED:
                delay = 0.0
            self.restarts += 1
            if self._asked_to_restart:
                self._asked_to_restart = False
                continue
            self._log.warn("service died, starting it again", ended=_how_it_ended(code), delay=f"{delay}s")
            await self._pause(delay)
            while self._full() and not self._stopping.is_set():
                self._log.limited(f"full/{self.program.name}", 60.0).error("it is not started while the disk is full")
                await self._pause(_ROOM_DELAY)
            delay = min(max(_FIRST_DELAY, delay * 2), _LONGEST_DELAY)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _run_once(self) -> int:
        program = self.program
        process = await asyncio.create_subprocess_exec(
            *(program.command if program.ours else bound_command(program.command)),
            stdin=PIPE if program.ours else DEVNULL,
            stdout=PIPE,
            stderr=None if program.ours else STDOUT,
            env={**os.environ, **program.environment, **({LEASH: "1"} if program.ours else {})},
            # A signal from the terminal is for the launcher, which stops its services in order.
            start_new_session=True,
        )
        self._process, self.pid = process, process.pid
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        self._changed()
        self._log.debug("started", pid=process.pid)
        try:
            await self._read_lines(process)
            return await process.wait()
        finally:
            self._process = self.pid = None
            self._serves = False
            self._changed()

    async def _read_lines(self, process: Process) -> None:
        assert process.stdout is not None
        while raw := await _line(process.stdout):
            line = raw.decode("utf-8", "replace").rstrip()
            if self.program.ready.search(line):
                self._ready.set()
                self._serves = True
                if self._hang_up:
                    self.hang_up()
            elif self.program.ours:
                self._log.info(line)
            if self.program.on_line is not None:
                self.program.on_line(line)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or what fits of one that is longer than the reader's buffer; empty at the end."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as over:
        return await stream.readexactly(over.consumed)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
