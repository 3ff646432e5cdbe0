"""One supervised process: started, waited for until it is ready, started again when it dies, stopped."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.launcher.errors import CannotStart
from services.launcher.forking import ForkedProcess, Template
from services.launcher.parent_watch import PARENT_PIPE, bound_to_parent
from services.process import log

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_SETTLED = 10.0
_ROOM_DELAY = 0.5


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What to run and how to know that it is ready.

    ``ready`` is searched in each line that the program prints. ``ours`` marks a tickbus service, which watches its
    parent itself and logs to the launcher's own stderr, or stdout with ``logs_to_stdout``; ``arguments`` are those of
    the tickbus command, of a service that can be forked. Of another program both outputs are read, and each line is
    given to ``on_line``. ``stop_within`` is how many seconds it may take to stop before it is killed.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: re.Pattern[str]
    ours: bool = True
    arguments: tuple[str, ...] = ()
    logs_to_stdout: bool = False
    on_line: Callable[[str], None] | None = None
    stop_within: float = 3.0


class SupervisedProcess:
    """A program that is kept running.

    ``start`` returns when it is ready for the first time, or raises CannotStart when it ended with an error of its
    own before; a program that is killed from outside, or that ends after it was ready, is started again: at once the
    first time, then after a delay that doubles up to five seconds, and not while the disk is ``full``. ``changed`` is
    called whenever pid changes.
    """

    def __init__(
        self,
        program: ProcessSpec,
        changed: Callable[[], None] = lambda: None,
        full: Callable[[], bool] = lambda: False,
        template: Template | None = None,
    ) -> None:
        """template: what it is forked off, where it can be."""
        self.program = program
        self._template = template
        self.pid: int | None = None
        self.restarts = 0
        self._changed = changed
        self._full = full
        self._asked_to_restart = False
        self._process: Process | ForkedProcess | None = None
        self._ready = asyncio.Event()
        self._serves = False
        self._hang_up = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = log.get("launcher").bind(name=program.name)

    async def start(self) -> None:
        """Start it; return when it is ready. Raises CannotStart where it ended with an error of its own before."""
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
            try:
                code = await self._run_once()
                ended = _how_it_ended(code)
            except OSError as error:
                # the machine has no room for a process now, or the program is just being replaced
                code, ended = 1, f"an error: {error}"
            if self._stopping.is_set():
                return
            if not self._ready.is_set() and code > 0:
                raise CannotStart(f"{self.program.name} did not start: it ended with {ended}")
            if time.monotonic() - began > _SETTLED:
                delay = 0.0
            self.restarts += 1
            if self._asked_to_restart:
                self._asked_to_restart = False
                continue
            self._log.warn("service died, starting it again", ended=ended, delay=f"{delay}s")
            await self._pause(delay)
            while self._full() and not self._stopping.is_set():
                self._log.limited(f"full/{self.program.name}", 60.0).error("it is not started while the disk is full")
                await self._pause(_ROOM_DELAY)
            delay = min(max(_FIRST_DELAY, delay * 2), _LONGEST_DELAY)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _run_once(self) -> int:
        program = self.program
        environment = {**program.environment, **({PARENT_PIPE: "1"} if program.ours else {})}
        process = await self._forked(environment) or await asyncio.create_subprocess_exec(
            *(program.command if program.ours else bound_to_parent(program.command)),
            stdin=PIPE if program.ours else DEVNULL,
            stdout=PIPE,
            stderr=_standard_error(program),
            env={**os.environ, **environment},
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

    async def _forked(self, environment: Mapping[str, str]) -> ForkedProcess | None:
        """It, forked; None where that cannot be. Raises OSError where it is asked to stop before there is one."""
        if self._template is None or not self.program.arguments:
            return None
        forking = asyncio.create_task(
            self._template.fork(self.program.arguments, environment, _standard_error(self.program) or 2)
        )
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([forking, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not forking.done():
            forking.cancel()
            raise OSError("it is asked to stop before it began")
        try:
            return forking.result()
        except OSError as error:
            self._log.warn("it is not forked, and imports by itself", err=error)
            return None

    async def _read_lines(self, process: Process | ForkedProcess) -> None:
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


def _standard_error(program: ProcessSpec) -> int | None:
    if not program.ours:
        return STDOUT
    return sys.stdout.fileno() if program.logs_to_stdout else None


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
    if code == -signal.SIGPROF:
        return "SIGPROF, from its watchdog: it did not get on"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
