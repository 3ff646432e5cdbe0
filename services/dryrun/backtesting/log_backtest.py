"""A script over a part of the log: read from where it begins to know, counted from where it is asked about."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.dryrun.backtesting.findings import Findings
from services.dryrun.log_run import LogRun
from services.dryrun.outcomes import Line
from services.dryrun.parts import parts
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed

TURN_BYTES = 2 << 20
"""Of messages that go through at once: so much is lost where a task fails."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the log. begin, end: the time that is asked about, ns, by when messages were stored.

    after: the place behind which reading begins. counted: that behind which it counts. until: where it ends.
    """

    begin: int
    end: int
    after: WritesSeq
    counted: WritesSeq
    until: WritesSeq


class LogBacktest:
    """One run under way. `position`: everything of the log up to there has gone through it."""

    def __init__(self, run: LogRun, stretch: Stretch, findings: Findings) -> None:
        """run: begun (as a context manager), at `stretch.after`."""
        self._run, self._stretch, self._findings = run, stretch, findings
        self._counts = False
        self.position = stretch.after

    async def take(self, messages: Sequence[StoredMessage]) -> list[Line]:
        """Messages of the log, in its order; gives what there is to be told of them."""
        lines: list[Line] = []
        for part in parts(messages, lambda: TURN_BYTES):
            known = [m for m in part if m.seq <= self._stretch.counted]
            new = part[len(known) :]
            if known:
                await self._step(functools.partial(self._run.take, known))
            if new:
                await self._count()
                lines += await self._step(functools.partial(self._run.take, new))
            self.position = WritesSeq(part[-1].seq)
        return lines

    async def end(self) -> list[Line]:
        """The log has nothing more up to the end of the time; what is due by then is done.

        The task goes on: what its nodes hold back stays there.
        """
        await self._count()
        return await self._step(functools.partial(self._run.reach, self._stretch.end))

    async def _count(self) -> None:
        """From here on it counts, but nothing of what was due before."""
        if not self._counts:
            await self._step(functools.partial(self._run.reach, self._stretch.begin))
            self._counts = True

    async def _step(self, step: Callable[[], Awaitable[list[Effect]]]) -> list[Line]:
        if self._findings.failed:
            return []
        try:
            effects = await step()
        except TaskFailed as error:
            self._findings.fail(str(error))
            return []
        return self._findings.take(effects) if self._counts else self._findings.before(effects)
