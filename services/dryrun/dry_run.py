"""A task under way of which nothing is done outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self

from services.process.flight_recorder import FLIGHT_RECORDER
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun

_ANSWER_SECONDS = 30.0  # for what a node asks of something outside, a UDF's process


class DryRun:
    """Use as a context manager: it attaches to what the task's nodes work with, and closes them.

    note: what the process is at while it steps (services.process.flight_recorder.packed), None: nobody is to know.
    """

    def __init__(self, run: TaskRun) -> None:
        """run: made with an environment that is `dry`."""
        self.run = run
        self.note: bytes | None = None
        self._woken = asyncio.Event()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._woken.set)

        self.run.attach(wake)
        return self

    def __exit__(self, *exc: object) -> None:
        self.run.close()

    @contextlib.contextmanager
    def noted(self, first: int, last: int) -> Iterator[None]:
        """Have it known that a part of what comes is stepped, from one place or time to another.

        Raises TaskFailed where that took too long.
        """
        if self.note is None:
            yield
            return
        FLIGHT_RECORDER.begin(self.note, first, last)
        try:
            yield
        finally:
            over = FLIGHT_RECORDER.end()
        if over:
            limit = FLIGHT_RECORDER.limit
            raise TaskFailed(f"a step took longer than {limit:g} s, which is the step-limit in [engine]")

    async def answers(self, now: int) -> list[Effect]:
        """Wait for what nodes have asked of something outside. now: of the task's clock, ns, if it is not later yet.

        Raises TaskFailed where it does not come.
        """
        effects: list[Effect] = []
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                while self.run.waiting:
                    await self._woken.wait()
                    self._woken.clear()
                    effects += self.run.take_in(max(now, self.run.clock or 0))
        except TimeoutError:
            raise TaskFailed(f"no answer from outside within {_ANSWER_SECONDS:g} s") from None
        return effects
