"""Threads for work that would hold up an event loop, in pools by kind: what hangs takes none that others need.

The event loop's own threads, which everything in a process shares, are used for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class Busy(OSError):
    """The work was not done, or is not known to be done; str() says why."""


class Pool:
    """Threads of one kind of work, begun as they are needed. A process may end while they are at something."""

    def __init__(self, name: str, threads: int, most_waiting: int = 1000) -> None:
        """most_waiting: pieces of work that wait for a thread; one more is Busy."""
        self._name, self._threads, self._most_waiting = name, threads, most_waiting
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._begun = 0
        self._unfinished = 0  # pieces of work, those that wait among them
        self._stuck: set[Hashable] = set()

    async def run(self, work: Callable[P, T], *args: P.args, **keys: P.kwargs) -> T:
        """Do it in a thread, for as long as it takes; gives what it gives, and raises what it raises."""
        return await self._begin(lambda: work(*args, **keys))

    async def run_within(
        self, seconds: float, on: Hashable, work: Callable[P, T], *args: P.args, **keys: P.kwargs
    ) -> T:
        """Do it, but wait no longer than so many seconds. on: what it is done on, which may be what hangs.

        Raises Busy where it takes longer; it then goes on, and until it has come to its end, what is to be done on the
        same is Busy at once, so that it takes one thread only.
        """
        if on in self._stuck:
            raise Busy(f"still waiting for {on}")
        doing = self._begin(lambda: work(*args, **keys))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(doing)
        except TimeoutError:
            if doing.done():
                raise
            self._stuck.add(on)
            doing.add_done_callback(lambda done: self._ended(on, done))
            raise Busy(f"not done within {seconds:g} s: {on}") from None

    def _ended(self, on: Hashable, done: asyncio.Future[Any]) -> None:
        self._stuck.discard(on)
        if not done.cancelled():
            done.exception()  # nobody waits for it any more

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._jobs.qsize() >= self._most_waiting:
            raise Busy(f"more than {self._most_waiting} pieces of work wait for the threads of {self._name}")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._lock:
            # each piece takes a thread, also the one that a thread is just about to take
            if self._begun <= self._unfinished and self._begun < self._threads:
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
                self._begun += 1
            self._unfinished += 1
        self._jobs.put((loop, done, work))
        return done

    def _work(self) -> None:
        while True:
            loop, done, work = self._jobs.get()
            result, error = None, None
            try:
                if not done.cancelled():
                    result = work()
            except BaseException as raised:
                error = raised
            with self._lock:
                self._unfinished -= 1
            # a loop that has ended has nobody who waits
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, done, result, error)
            del loop, done, work, result, error


def _tell(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration):
        error = RuntimeError("work raised StopIteration")
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
