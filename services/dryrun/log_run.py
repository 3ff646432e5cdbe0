"""A task over a part of the log, with nothing done outside.

It is stepped as a worker steps a task that is behind: the times at which messages were stored tell the time, whatever
was due before a message is done before it. How it was cut into parts does not show in what comes out.
"""

from __future__ import annotations

import asyncio
import time as clock
from collections.abc import Sequence

import numpy as np

from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.subjects import parse_write_subject
from services.dryrun.dry_run import DryRun
from services.dryrun.parts import parts
from services.dryrun.sifting import Sift
from services.runtime.effects import Effect
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder, LogBatch, UnreadableMessage
from services.runtime.task import JUMP, TaskRun

DBRP = tuple[str, str]

_TURN_SECONDS = 0.02
_GO_BYTES = 2 << 20  # what is stepped at once: larger frames do not fit the caches
_SIFT_BYTES = 16 << 20  # the same of what is sifted before
_GO_SECONDS = 0.25  # for which others may wait: of a task that is slower less is stepped at once


class LogRun(DryRun):
    """One task under way.

    position: everything of the log up to there has gone through it. refused: messages that were no line protocol.
    sift: takes out the lines that are to go through, None: all of them are.
    """

    def __init__(
        self,
        run: TaskRun,
        position: WritesSeq = WritesSeq(0),  # noqa: B008
        decoder: LineProtocolDecoder | None = None,
    ) -> None:
        """run: made with an environment that is `dry`, restored where it begins at a kept state.

        position: of that state; messages up to there are passed over. decoder: one with the run's table, which it
        shares with other runs; None: its own.
        """
        super().__init__(run)
        self.position = position
        self.refused: list[UnreadableMessage] = []
        self.sift: Sift | None = None
        self._decoder = LineProtocolDecoder(run.table) if decoder is None else decoder
        names = run.measurements
        self._measurements = None if names is None else frozenset(map(self._decoder.measurement, names))
        self._stamp = 0
        self._divisor = 1

    async def take(self, messages: Sequence[StoredMessage]) -> list[Effect]:
        """Messages of the log, in its order, through the task; gives what it wants done, in order.

        Those of other databases and retention policies than the task's are passed over. Others have their turn now
        and then. Raises TaskFailed where the task ends.
        """
        effects: list[Effect] = []
        for part in parts(messages, self._most_bytes):
            dbrp = parse_write_subject(part[0].subject)
            if not self.run.wants(*dbrp):
                continue
            began = clock.monotonic()
            with self.noted(part[0].seq, part[-1].seq):
                batch, refused = self._decoded(dbrp, part)
                self.refused += refused
                if batch is not None:
                    effects += self.run.step(batch, self._measurements, self.position)
            stamp = part[-1].time_ns
            self._stamp = stamp if self._stamp - stamp > JUMP else max(self._stamp, stamp)
            if batch is not None:
                effects += await self.answers(self._stamp)
            with self.noted(part[0].seq, part[-1].seq):
                effects += self._advance(self._stamp)
            slow = clock.monotonic() - began > _GO_SECONDS
            self._divisor = min(self._divisor * 2, _GO_BYTES) if slow else max(self._divisor // 2, 1)
            await asyncio.sleep(0)
        if messages:
            self.position = WritesSeq(max(self.position, messages[-1].seq))
        return effects

    async def take_points(self, message: StoredMessage, begin: int, end: int) -> list[Effect]:
        """Some of a message's points, begin … end-1 in their order, as `take`, in a step of their own.

        `passed` is to be called once it has got all of them. Raises TaskFailed.
        """
        dbrp = parse_write_subject(message.subject)
        if not self.run.wants(*dbrp):
            return []
        batch, _ = self._decoder.decode(*dbrp, [message])
        if batch is None or begin >= min(end, len(batch.points)):
            return []
        end = min(end, len(batch.points))
        part = batch.part(begin, end, batch.points.time[begin:end], batch.step.processing_time[begin:end])
        with self.noted(message.seq, message.seq):
            effects = list(self.run.step(part, self._measurements, self.position))
        return effects + await self.answers(self._stamp)

    def passed(self, message: StoredMessage) -> None:
        """All of a message's points have been taken by `take_points`."""
        self.position = WritesSeq(max(self.position, message.seq))
        self._stamp = max(self._stamp, message.time_ns)

    async def reach(self, time: int) -> list[Effect]:
        """The log has nothing more up to a time (ns): what is due by then is done. Others have their turn meanwhile.
        Raises TaskFailed."""
        effects: list[Effect] = []
        while self.run.clock is not None and (due := self.run.next_due()) is not None and due < time:
            began = clock.monotonic()
            while due is not None and due < time and clock.monotonic() - began < _TURN_SECONDS:
                with self.noted(self.position, self.position):
                    effects += self._advance(due)
                effects += await self.answers(self._stamp)
                due = self.run.next_due()
            if self.run.failure is not None:
                return effects
            await asyncio.sleep(0)
        with self.noted(self.position, self.position):
            effects += self._advance(time)
        return effects + await self.answers(self._stamp)

    async def finish(self) -> list[Effect]:
        """The task ends, as one does that is disabled: what its nodes hold back flows out. Raises TaskFailed."""
        return self.run.finish(max(self._stamp, self.run.clock or 0))

    def _most_bytes(self) -> int:
        """What is stepped at once."""
        return (_GO_BYTES if self.sift is None else _SIFT_BYTES) // self._divisor

    def _decoded(self, dbrp: DBRP, part: Sequence[StoredMessage]) -> tuple[LogBatch | None, list[UnreadableMessage]]:
        if self.sift is None:
            return self._decoder.decode(*dbrp, part)
        sifted = [self.sift.of(message) for message in part]
        left = [message for message, rows in sifted if rows is None or len(rows)]
        if not left:
            return None, []
        batch, refused = self._decoder.decode(*dbrp, left)
        if batch is None:
            return None, refused
        row, seq = batch.step.row.copy(), batch.step.seq
        for message, rows in sifted:
            if rows is not None:
                mine = slice(*np.searchsorted(seq, (message.seq, message.seq + 1)).tolist())
                row[mine] = rows[row[mine]]
        return batch.renumbered(row), refused

    def _advance(self, to: int) -> list[Effect]:
        if not self.run.clocked:
            return []
        self.run.begin(to)
        return self.run.advance(to)
