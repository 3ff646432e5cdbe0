"""Stepping the tasks of a worker: through parts of the log, by their clocks, and by what comes from outside."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from services.alertlog.executor import EffectExecutor
from services.bus.positions import WritesSeq
from services.engine.worker.log_clock import GRACE, LEFT, PAUSE, LogClock
from services.engine.worker.routing import inhibiting_first
from services.engine.worker.task_under_way import AT_CLOCK, AT_MESSAGES, END, OUTSIDE, Cursor, TaskUnderWay
from services.process import log as logs
from services.process.flight_recorder import EVERYWHERE, FLIGHT_RECORDER
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed
from services.runtime.input.line_protocol_decoder import LogBatch
from services.runtime.task import JUMP

log = logs.get("engine")


class Stepper:
    """Has tasks take their steps, and has done what they want done outside.

    timed: the tasks that something else than points can set off, in the order of their coming. cursor: how far the
    worker has come in the log; stamp: of the last message that was taken, ns. due: when (ns by the wall) something is
    due next; 0: nothing is. paused: a clock has gone on behind a pause, and that is not saved.
    """

    def __init__(
        self, executor: EffectExecutor, log_clock: LogClock, fail: Callable[[TaskUnderWay, str], None]
    ) -> None:
        """fail(task, error): ends a task that cannot go on."""
        self._executor, self._log_clock, self._fail = executor, log_clock, fail
        self.timed: dict[TaskUnderWay, None] = {}
        self.cursor = Cursor(WritesSeq(0))
        self.stamp = self.due = 0
        self.paused = False

    def step(self, tasks: Iterable[TaskUnderWay], batch: LogBatch) -> None:
        """Step tasks through a part of the log, as far as they have not come past it."""
        first, last = WritesSeq(int(batch.step.seq[0])), WritesSeq(int(batch.step.seq[-1]))
        for running in tasks:
            if running.position >= last or (running.until is not None and running.position >= running.until):
                continue
            with self._failing(running, AT_MESSAGES, max(first, running.position + 1), last):
                effects = running.run.step(batch, running.measurements, running.position, running.until)
                running.dirty = True
                self._executor.perform(running, effects)

    def tick(self, observed: int | None, set_back: int = 0) -> None:
        """Do what is due. observed: up to when (ns) the log was taken; None: only up to the last of its messages.

        set_back: by how much (ns) the wall's clock was, since the last tick.
        """
        now, log_now, due = time.time_ns(), self._log_clock.now(), []
        to = self.stamp if observed is None else observed
        for running in inhibiting_first(self.timed):
            run = running.run
            if set_back > JUMP:
                run.wall_set_back(now, set_back)
                running.dirty = True
            if run.clocked and not run.streams:
                self._bring(running, log_now, pauses=True)
            elif run.clocked and to and running.cursor is self.cursor:
                self._bring(running, to, pauses=observed is not None)
            outside = run.next_outside()
            if outside is not None and outside <= now and running in self.timed:
                with self._failing(running, OUTSIDE, *EVERYWHERE):
                    effects = run.take_in(now)
                    running.dirty = True
                    self._executor.perform(running, effects)
                running.took_in = True
                outside = run.next_outside()
            if outside is not None:
                due.append(outside)
            if (ours := run.next_due()) is not None:
                due.append(now + max(ours - log_now, 0) + GRACE)
        self.due = min(due, default=0)

    def bridge(self, stamp: int) -> None:
        """Before a message is taken of this stamp (ns): nothing between it and the last one may have been observed."""
        set_forward = self._log_clock.jumps(stamp)
        if set_forward or self._log_clock.unobserved(self.stamp, stamp):
            for running in inhibiting_first(self.timed):
                clock = running.run.clock
                here = running.run.clocked and running.cursor is self.cursor
                if here and clock and (set_forward or self._log_clock.before(clock)):
                    self._bring(running, stamp, pauses=True)

    def finish(self, running: TaskUnderWay) -> None:
        """Have what a task's nodes hold back flow out."""
        try:
            with FLIGHT_RECORDER.at(running.note(END), *EVERYWHERE):
                self._executor.perform(running, running.run.finish(time.time_ns()))
        except TaskFailed as e:
            log.error("a task has failed", task=running.id, err=e)
        except Exception as e:
            log.exception("a task broke", e, task=running.id)

    def _bring(self, running: TaskUnderWay, to: int, pauses: bool) -> None:
        """Bring a task's clock to a time (ns). pauses: from what was the last on, nothing may have been observed."""
        run = running.run
        clock, due = run.clock, run.next_due()
        if clock is not None and running.announced <= clock and to - clock < LEFT and (due is None or due > to):
            run.goes_to(to)
            running.left = running.left and not pauses
            return
        if clock is not None and clock - to > JUMP:
            # what has come further in the log than the worker is not set back by what lies behind it
            if running.reached <= self.cursor.at:
                run.goes_back(to)
                self.paused = running.dirty = True
            return
        with self._failing(running, AT_CLOCK, clock or 0, to):
            effects: list[Effect] = []
            run.begin(to)
            if pauses:
                effects = run.advance(min(running.announced, to))
                most = LEFT if running.left else PAUSE
                running.left = False
                if to - (run.clock or 0) > most:
                    run.resume(to)
                    self.paused = running.dirty = True
            due = run.next_due()
            if due is not None and due <= to:
                running.dirty = True
            self._executor.perform(running, effects + run.advance(to))

    @contextlib.contextmanager
    def _failing(self, running: TaskUnderWay, at: str, first: int, last: int) -> Iterator[None]:
        """Whatever a task fails with in a step ends the task, not the worker; so does a step that takes too long.

        at: what kind of step it is. first, last: the messages that it is of, or the times of the run's clock. They are
        noted, for whoever comes after a worker that does not survive it.
        """
        try:
            FLIGHT_RECORDER.begin(running.note(at), first, last)
            try:
                yield
            finally:
                over = FLIGHT_RECORDER.end()
            if not over:
                return
            error = f"a step took longer than {FLIGHT_RECORDER.limit:g} s, which is the step-limit in [engine]"
        except TaskFailed as e:
            error = str(e)
        except Exception as e:
            log.exception("a task broke", e, task=running.id)
            error = f"internal error: {type(e).__name__}: {e}"
        self._fail(running, error)
