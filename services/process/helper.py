"""A helper process for work that is Python's own and takes long: beside it, no thread of this process is held up.

In a thread such work would take the interpreter's lock for 5 ms at a time, and an event loop would wait for it again at
every step.
"""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import importlib
import os
import pickle
import queue
import resource
import signal
import struct
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, BinaryIO, ParamSpec, TypeVar

from services.process import log as logs
from services.process.child_environment import child_environment

P = ParamSpec("P")
T = TypeVar("T")

_SIZE = struct.Struct("!Q")
_MOST_WAITING = 64
_READY = b"ready"
_START_SECONDS, _IDLE_SECONDS = 60.0, 60.0
_MEMORY = 2 << 30
_RECURSION = 20_000
_STACK = 512 << 20

_log = logs.get("helper")


class HelperFailed(Exception):
    """The work could not be done; str() says why: it took too long, too much memory, or there is too much of it.

    for_now: it may be done another time.
    """

    def __init__(self, problem: str, for_now: bool = False) -> None:
        super().__init__(problem)
        self.for_now = for_now


class Helper:
    """One helper process. It begins with the first piece of work, and ends when there was none for a minute.

    One piece of work is done after another.
    """

    def __init__(self, name: str, *modules: str, most_waiting: int = _MOST_WAITING) -> None:
        """modules: that the work needs; loading them does not count as its time. most_waiting: pieces of work, of which
        more are refused."""
        self._name, self._modules, self._most_waiting = name, modules, most_waiting
        self._process: Process | None = None
        self._alone = asyncio.Lock()
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    async def run(self, seconds: float, work: Callable[P, T], *args: P.args, **keys: P.kwargs) -> T:
        """What a function of a module gives for these arguments, all of which can be pickled; raises what it raises.

        Raises HelperFailed where it takes longer than so many seconds, from when its turn has come.
        """
        job = pickle.dumps((work, args, keys))
        if self._waiting >= self._most_waiting:
            raise HelperFailed(
                f"too much waits to be done, more than {self._most_waiting} pieces of work: try again", for_now=True
            )
        self._waiting += 1
        try:
            async with self._alone:
                done, value = pickle.loads(await self._answer(job, seconds))
        finally:
            self._waiting -= 1
        if not done:
            raise value
        result: T = value
        return result

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        await self._end()

    async def _answer(self, job: bytes, seconds: float) -> bytes:
        if self._idle is not None:
            self._idle.cancel()
        try:
            try:
                return await self._tried(job, seconds)
            except (ConnectionError, EOFError):
                # the machine may have been short of memory, or somebody has ended it
                await self._end()
                return await self._tried(job, seconds)
        except TimeoutError:
            await self._end()
            raise HelperFailed(f"it takes longer than {seconds:g} s") from None
        except (OSError, EOFError) as error:
            await self._end()
            _log.warn("a helper process has ended in the middle of its work", of=self._name, err=repr(error))
            raise HelperFailed("the process that was at it has ended") from None
        except BaseException:
            # what it would answer is nobody's any more
            await self._end()
            raise
        finally:
            self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._rest)

    async def _tried(self, job: bytes, seconds: float) -> bytes:
        process = await self._running()
        async with asyncio.timeout(seconds):
            return await _exchange(process, job)

    def _rest(self) -> None:
        if not self._waiting:
            self._resting = asyncio.create_task(self._end())

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", __name__, *self._modules,
                stdin=PIPE, stdout=PIPE, env=child_environment() | _path(),
            )  # fmt: skip
            assert process.stdout is not None
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await process.stdout.readexactly(len(_READY))
            except TimeoutError:
                raise HelperFailed(f"no process for it has begun within {_START_SECONDS:g} s", for_now=True) from None
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _exchange(process: Process, job: bytes) -> bytes:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(_SIZE.pack(len(job)) + job)
    await process.stdin.drain()
    (size,) = _SIZE.unpack(await process.stdout.readexactly(_SIZE.size))
    return await process.stdout.readexactly(size)


def _path() -> dict[str, str]:
    """The same modules are found there, in whichever way this process has come by them."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _serve() -> None:
    """The process: it does what comes on its standard input, and ends with that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # whoever stops a whole group means its services, with which this one ends
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    sys.setrecursionlimit(_RECURSION)
    threading.stack_size(_STACK)
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what prints must not disturb the answers
    for module in sys.argv[1:]:
        importlib.import_module(module)
    out.write(_READY)
    out.flush()
    threading.Thread(target=_work, args=(jobs, out), daemon=True).start()
    source = os.fdopen(0, "rb")
    while len(head := source.read(_SIZE.size)) == _SIZE.size:
        jobs.put(source.read(_SIZE.unpack(head)[0]))
    os._exit(0)


def _work(jobs: queue.SimpleQueue[bytes], out: BinaryIO) -> None:
    while True:
        answer = _done(jobs.get())
        out.write(_SIZE.pack(len(answer)))
        out.write(answer)
        out.flush()


def _done(job: bytes) -> bytes:
    try:
        work, args, keys = pickle.loads(job)
        return pickle.dumps((True, work(*args, **keys)))
    except MemoryError:
        return pickle.dumps((False, HelperFailed(f"it takes more memory than {_MEMORY >> 20} MiB")))
    except RecursionError:
        return pickle.dumps((False, HelperFailed("it is nested too deeply")))
    except BaseException as error:
        try:
            data = pickle.dumps((False, error))
            pickle.loads(data)
            return data
        except BaseException:
            return pickle.dumps((False, HelperFailed(f"{type(error).__name__}: {error}")))


def _plain(mapping: MappingProxyType[Any, Any]) -> tuple[Any, tuple[dict[Any, Any]]]:
    return _read_only, (dict(mapping),)


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """The type itself has no name that it could be pickled by."""
    return MappingProxyType(mapping)


copyreg.pickle(MappingProxyType, _plain)

if __name__ == "__main__":
    # pickled by name: what is raised here has to be the class that the other side knows
    from services.process.helper import _serve as serve

    serve()
