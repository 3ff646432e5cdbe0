"""Running commands: each in a process group of its own, which is ended as a whole where it must be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

import psutil

from services.process.child_environment import child_environment

_MOST_KEPT = 4096  # bytes of the output
_GRACE_SECONDS = 0.4  # between the signal that asks to end and the one that cannot be refused; see the launcher
_LAST_SECONDS = 0.2  # for output to come in once the command has ended
_LOOK_SECONDS = 0.02

_groups: set[int] = set()


class _Waited(Enum):
    """What waiting for an event ended with."""

    CAME = auto()
    TOO_LONG = auto()
    CANCELLED = auto()


_BROKEN_OFF = {
    _Waited.CAME: "",
    _Waited.TOO_LONG: "not ended within {:g} s",
    _Waited.CANCELLED: "ended with the service",
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command came to its end. status: what it exited with, below 0 the signal that ended it.

    output: the last of what it wrote to its standard output and error. broken_off: why it was ended, "" where it ended
    by itself.
    """

    status: int
    output: str
    broken_off: str

    def __str__(self) -> str:
        how = f"exit status {self.status}" if self.status >= 0 else f"signal: {_signal_name(-self.status)}"
        printed = f"; output: {self.output}" if self.output else ""
        return f"{self.broken_off}, {how}{printed}" if self.broken_off else f"{how}{printed}"


async def run(prog: str, args: Sequence[str], given: bytes, timeout: float | None) -> CommandResult:
    """Run a command with this on its standard input, and wait for it; not for what it has left running behind it.

    After `timeout` seconds it is ended with all in its process group, and so it is where the caller is cancelled, who
    then gets what came of it like any other. Whether it reads its input does not matter. Raises OSError or ValueError
    where it cannot be started.
    """
    if any("\0" in text for text in (prog, *args)):
        raise ValueError("embedded null byte")
    transport, watch, unwanted = await _started(prog, args)
    group = transport.get_pid()
    _groups.add(group)
    try:
        _give(transport, given)
        waited = _Waited.CANCELLED if unwanted else await _waited(watch.ended, timeout)
        broken_off = _BROKEN_OFF[waited].format(timeout)
        if broken_off:
            await _end(group)
            await _waited(watch.ended, _GRACE_SECONDS)
        # what runs on in the background may hold the output open: it is read on, for nobody, until that ends, too
        await _waited(watch.closed, _LAST_SECONDS)
    finally:
        _groups.discard(group)
        if not watch.ended.is_set():
            _signal(group, signal.SIGKILL)
    status = transport.get_returncode()
    return CommandResult(-signal.SIGKILL if status is None else status, watch.output(), broken_off)


def kill_all() -> None:
    """End all that run, at once: for a process that is about to end itself, from any thread.

    One that has just been started is a child before its group is noted, so children count too.
    """
    children = {child.pid for child in psutil.Process().children()}
    for group in {*children, *list(_groups)}:
        _signal(group, signal.SIGKILL)


class _Watch(asyncio.SubprocessProtocol):
    """Keeps the last of the output. ended: the command has; closed: nobody holds its output open any more."""

    def __init__(self) -> None:
        self.ended, self.closed = asyncio.Event(), asyncio.Event()
        self._kept = bytearray()
        self._cut = False

    def output(self) -> str:
        text = self._kept.decode("utf-8", "replace").strip()
        return f"… {text}" if self._cut else text

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport.close()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > _MOST_KEPT:
            del self._kept[:-_MOST_KEPT]
            self._cut = True

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        if fd == 1:
            self.closed.set()

    def process_exited(self) -> None:
        self.ended.set()


async def _started(prog: str, args: Sequence[str]) -> tuple[asyncio.SubprocessTransport, _Watch, bool]:
    """Start it; whether the caller was cancelled meanwhile. It is not broken off: what has begun must be known."""
    start = asyncio.get_running_loop().subprocess_exec(
        _Watch, prog, *args, stderr=asyncio.subprocess.STDOUT, start_new_session=True, env=child_environment()
    )
    starting, cancelled = asyncio.ensure_future(start), False
    while not starting.done():
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError:
            cancelled = True
            _go_on()
    return *starting.result(), cancelled


def _go_on() -> None:
    """Take note of that this task was cancelled, and go on."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def _give(transport: asyncio.SubprocessTransport, given: bytes) -> None:
    stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
    # a command that has ended, or closed its input, has not asked for it
    with contextlib.suppress(OSError, RuntimeError):
        stdin.write(given)
        stdin.close()


async def _waited(event: asyncio.Event, seconds: float | None) -> _Waited:
    """Wait for an event; what came first. That somebody does not want to wait any longer is no exception here."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return _Waited.TOO_LONG
    except asyncio.CancelledError:
        _go_on()
        return _Waited.CANCELLED
    return _Waited.CAME


async def _end(group: int) -> None:
    """Ask all of a process group to end, and soon kill what is left of it."""
    _signal(group, signal.SIGTERM)
    until = time.monotonic() + _GRACE_SECONDS
    while _signal(group, 0) and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal; whether there was somebody to get it."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _signal_name(number: int) -> str:
    return (signal.strsignal(number) or str(number)).lower()
