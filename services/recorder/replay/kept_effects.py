"""What a replay's task wants done outside: done, or kept where it is to have no side effects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from services.alertlog.executor import EffectExecutor, Emitter
from services.alertlog.outbox import Outbox
from services.dryrun.node_errors import NodeErrors
from services.dryrun.outcomes import Line, Outcomes
from services.recorder.results import ResultWriter
from services.runtime.effects import Effect, Failure
from services.runtime.errors import TaskFailed

_MAIN = ("alert", "inhibition", "failure")


class Performer(Protocol):
    """What becomes of effects."""

    def perform(self, emitter: Emitter, effects: Sequence[Effect]) -> None:
        """Take what a step wants done outside. Raises TaskFailed where the last of it is the task's end."""

    async def room(self) -> None:
        """Wait until more may be taken. Raises BusError."""

    async def over(self) -> None:
        """No more will come of the task. Raises BusError."""


class DoneEffects:
    """Has them done; but what would be written back to the bus is not: it would go to all the live tasks."""

    def __init__(self, outbox: Outbox, replay: str) -> None:
        """replay: its id."""
        self._outbox = outbox
        self._executor = EffectExecutor(outbox, replay=replay, write_back=False)

    def perform(self, emitter: Emitter, effects: Sequence[Effect]) -> None:
        """See Performer."""
        self._executor.perform(emitter, effects)

    async def room(self) -> None:
        """See Performer."""
        await self._outbox.room()

    async def over(self) -> None:
        """See Performer."""


class KeptEffects:
    """Keeps them, as services.dryrun.outcomes has them, and behind them what nodes complained of.

    What nodes do by themselves takes half of the room at most, so that a chatty one leaves some for alerts.
    """

    def __init__(self, writer: ResultWriter, heard: NodeErrors) -> None:
        """heard: the log of the run."""
        self._writer, self._heard = writer, heard
        self._outcomes = Outcomes()
        self._lines: list[Line] = []

    def perform(self, emitter: Emitter, effects: Sequence[Effect]) -> None:
        """See Performer."""
        self._lines += self._outcomes.of(effects)
        for effect in effects:
            if isinstance(effect, Failure):
                raise TaskFailed(effect.reason)

    async def room(self) -> None:
        """See Performer."""
        lines, self._lines = self._lines, []
        for minor, some in groupby(lines, lambda line: line["kind"] not in _MAIN):
            await self._writer.add(some, minor=minor)
        await self._writer.show()

    async def over(self) -> None:
        """See Performer."""
        await self.room()
        await self._writer.add(
            {"kind": "error", "node": node, "error": reason}
            for node, reasons in self._heard.reasons.items()
            for reason in reasons
        )
        await self._writer.flush()
