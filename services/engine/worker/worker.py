"""A worker: follows the log, steps the tasks of its shards through it, and saves their state between two steps."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from services.alertlog.executor import EffectExecutor
from services.alertlog.outbox import Outbox
from services.bus.connection import Bus
from services.bus.epochs import NO_MARK, Epochs, Mark, WritesLog
from services.bus.errors import BusError, StreamWentBack
from services.bus.follow import Follower, StoredMessage
from services.bus.positions import WritesSeq
from services.bus.subjects import write_subject
from services.engine.states.checkpoints import Checkpoints
from services.engine.states.saving import Saving
from services.engine.worker.log_clock import PAUSE, LogClock
from services.engine.worker.routing import DBRP, Routing
from services.engine.worker.stepping import Stepper
from services.engine.worker.task_under_way import Cursor, TaskUnderWay
from services.process import log as logs
from services.runtime.input.ingress import Ingress
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.input.shared_decoding import SharedDecoding
from services.runtime.input.shrinking import Shrinking
from services.runtime.input.sizes import line_count, text_bytes
from services.runtime.limits import UNLIMITED, TaskLimits
from services.runtime.progress.deliveries import Deliveries
from services.runtime.task import JUMP

log = logs.get("engine")

_STREAM = "WRITES"
_WAITING_BYTES = 8 << 20  # what may wait here to be taken
_MAX_WAIT = 1.0  # seconds; how long the loop sleeps at most, so that changes of its surroundings are noticed
_UNCERTAIN_PAUSE = 0.05
_NEW_TASKS = 0.05  # seconds between two looks at tasks that come one after another: each look goes through all tasks
_COUNT_AGAIN = 1.0  # seconds after which the groups of all tasks are counted anew …
_COUNT_SELDOM = 30.0  # … where nothing was read since: thousands of tasks that have nothing to do are to cost nothing
_LOOK_PAUSE = 0.1  # seconds before the log is asked what it holds, where it seems to have gone back
_LOOK_AGAIN = 1.0  # seconds after which a drain asks once more what is left of the log
_ANSWER_PAUSE = 0.02  # seconds between two looks whether a task that is drained still waits for an answer
_SMALL_BYTES = 64 << 10
_GATHER = 0.004  # seconds that more messages may take to come after a few small ones: a step costs as much for one
_GATHER_MOST = 0.016  # … where they keep coming: that long for each line, up to this


class Worker:
    """The loop over WRITES. Which tasks run is decided elsewhere (see services.engine.worker.supervisor)."""

    def __init__(
        self,
        bus: Bus,
        decoder: LineProtocolDecoder,
        checkpoints: Checkpoints,
        interval: float,
        max_messages: int,
        max_bytes: int,
        certain: Callable[[], bool],
        shared: Callable[[], bool],
        on_failed: Callable[[TaskUnderWay, str], None],
        writes: WritesLog,
        on_went_back: Callable[[list[TaskUnderWay]], None],
        deliveries: Deliveries,
        limits: TaskLimits = UNLIMITED,
    ) -> None:
        """interval: seconds between checkpoints. on_failed(task, error): a task has ended by itself.
        on_went_back(tasks): what they have read is not in the log any more. limits: what all tasks together are held
        to.

        certain(): whether this worker can be sure of its shards. While it cannot, nothing is stepped. shared():
        whether other workers live, so that states have to be on the bus too.
        """
        self._bus, self._decoder = bus, decoder
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._certain, self._on_failed, self._limits = certain, on_failed, limits
        self._writes, self._on_went_back = writes, on_went_back
        self._mark = NO_MARK  # the last message that was taken
        self.outbox = Outbox(bus)
        self.ingress = Ingress(decoder)
        self._decoding = SharedDecoding(bus, decoder)
        self.tasks: dict[str, TaskUnderWay] = {}
        self.saving = Saving(
            checkpoints,
            self.tasks,
            self.outbox.sent,
            interval,
            shared,
            deliveries,
            lambda: self._mark,
            self._look_and_mark,
        )
        self.lag = 0
        self._followed: frozenset[DBRP] = frozenset()
        self._routing = Routing(self.tasks)
        self._awaited: set[TaskUnderWay] = set()
        self._wake = asyncio.Event()
        self._clock = LogClock(bus)
        self._shrinking = Shrinking(decoder.table)
        self._stepper = Stepper(EffectExecutor(self.outbox, writes.epochs), self._clock, self.fail)
        self._restart = False  # the log has to be followed anew: from an earlier position, or other subjects
        self._left = False  # tasks have come that were begun before, and that may have some of the log to read
        self._stopping = False
        self._loop: asyncio.Task[object] | None = None
        self._looks_at_new: asyncio.TimerHandle | None = None  # when tasks that have just come are looked at again
        self._counted, self._counted_at = 0.0, WritesSeq(0)  # when the groups of all tasks were, and at what sequence

    @property
    def refused(self) -> int:
        """Messages of the log that were no line protocol."""
        return self._decoding.refused

    @property
    def lag_ns(self) -> int:
        """How old the last message of the log is that it has taken, while there are more; 0 while there are none."""
        return max(0, time.time_ns() - self._stepper.stamp) if self.lag else 0

    def add(self, running: TaskUnderWay) -> None:
        """Let a task run from its position on."""
        running.measurements = None
        if running.run.measurements is not None:
            running.measurements = frozenset(map(self._decoder.measurement, running.run.measurements))
        if not running.run.streams or (
            running.reached >= self._stepper.cursor.at and running.run.streams <= self._followed
        ):
            running.cursor = self._stepper.cursor
        else:
            self._restart = True
        self.tasks[running.id] = running
        if running.run.timed:
            self._stepper.timed[running] = None
        self._routing.changed()
        self._left = self._left or running.left
        loop = asyncio.get_running_loop()
        if self._looks_at_new is None or self._looks_at_new.when() <= loop.time():
            self._wake.set()
            self._looks_at_new = loop.call_later(_NEW_TASKS, self._wake.set)

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)

        running.run.attach(wake)

    def remove(self, running: TaskUnderWay) -> bool:
        """Take a task out between two steps; its nodes are closed by the caller. Whether it was there."""
        if self.tasks.get(running.id) is not running:
            return False
        del self.tasks[running.id]
        running.leave()
        running.moved.set()
        self._awaited.discard(running)
        self._stepper.timed.pop(running, None)
        self._routing.changed()
        return True

    def pause(self, running: TaskUnderWay) -> None:
        """Let a task see nothing more of the log, and its clock stand."""
        running.leave()
        running.until, running.paused = running.reached, True
        self._stepper.timed.pop(running, None)

    def resume(self, running: TaskUnderWay, until: WritesSeq) -> None:
        """Let a task that was paused see the log up to a position, its clock going by what it sees alone."""
        running.until, running.paused = until, False
        if running.reached >= self._stepper.cursor.at:
            running.cursor = self._stepper.cursor
        elif running.reached < until:
            self._restart = True
            self._wake.set()

    def finish(self, running: TaskUnderWay) -> None:
        """Take a task out at its end: what its nodes hold back flows out."""
        if self.remove(running):
            self._stepper.finish(running)
            running.close()

    async def drain(self, running: TaskUnderWay, position: WritesSeq, wanted: Callable[[], bool], limit: float) -> bool:
        """Wait until a task has seen the log up to `position`, as far as there are messages for it, and no more of it.

        Returns early when it is no longer here or no longer `wanted`, and after `limit` seconds: False where it has not
        come so far by then.
        """
        running.until = position
        end = time.monotonic() + limit
        while wanted() and self.tasks.get(running.id) is running:
            last = await self._last_before(running, position)
            if time.monotonic() >= end:
                return running.position >= last and not running.run.waiting
            if running.position >= last:
                if not running.run.waiting:
                    return True
                await asyncio.sleep(_ANSWER_PAUSE)
                continue
            # some of it may be deleted from the log before it is read, therefore not for ever
            running.awaited = last
            running.moved.clear()
            self._awaited.add(running)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(_LOOK_AGAIN, end - time.monotonic()))):
                    await running.moved.wait()
        return True

    async def run(self) -> None:
        """Follow the log until `stop`."""
        self._loop = asyncio.current_task()
        while not self._stopping:
            self._restart = False
            running = list(self.tasks.values())
            # a batch task needs nothing of the log, wherever it says it has come to
            reading = [r for r in running if r.run.streams and not r.paused]
            after = min((r.position for r in reading), default=WritesSeq(0))
            self._followed = frozenset(dbrp for r in running for dbrp in r.run.streams)
            self._stepper.cursor = Cursor(after)
            for one in running:
                one.leave(None if one.paused else self._stepper.cursor)
            subjects = sorted({write_subject(*dbrp) for dbrp in self._followed})
            self._clock.begin(subjects)
            self._stepper.stamp = 0
            waiting = max(_WAITING_BYTES, 2 * self._max_bytes)
            created = self._writes.created
            bounds = self._max_messages, waiting
            async with self._bus.follow(_STREAM, subjects, after, *bounds, created, arrived=self._wake) as follower:
                try:
                    await self._follow(follower)
                except StreamWentBack as e:
                    log.warn("the log is looked at again", err=e)
                    await self._look_until_known()

    async def stop(self) -> None:
        """End the loop between two steps, and send nothing more."""
        self._stopping = True
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self.saving.stop()
        await self.outbox.close()

    async def _follow(self, follower: Follower) -> None:
        keep_coming = False
        while True:
            # a task that waits for too much holds up the reading: what it waits for stays bounded
            full = any(r.run.full for r in self._stepper.timed)
            if full or not follower.buffered:
                await self._woken()
            if not self._certain():
                await asyncio.sleep(_UNCERTAIN_PAUSE)
                continue
            set_back = self._clock.look(follower)
            # what was read before a task came that needs more of the log is not for that task
            if self._restart:
                return
            messages = [] if full else follower.take()
            if messages:
                self.lag = follower.pending
                if self._left:
                    self._left = False
                    self.saving.behind()
                for go in _goes(messages, self._max_bytes):
                    self.take(go)
                    self._shrinking.go_on()
                    await asyncio.sleep(0)
                    if self._restart:
                        return
                if not self.lag:
                    self.saving.caught_up()
                gather = _gather(messages, keep_coming)
                del messages, go  # megabytes, which would stay for as long as nothing more comes
                if gather:
                    await asyncio.sleep(gather)
                    keep_coming = follower.buffered
            behind = full and follower.buffered
            self._stepper.tick(None if behind else await self._up_to(follower), set_back)
            self._hold_to_limits()
            await self.outbox.room()
            if self._stepper.paused:
                # nothing in the log tells that again to whoever begins with an older state
                self._stepper.paused = not await self.saving.at_once()
            self.saving.go_on()
            self._shrinking.go_on()

    async def _woken(self) -> None:
        """Wait until messages have come, something else is to be looked at, or something is due."""
        timer = asyncio.get_running_loop().call_later(self._pause(), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        self._wake.clear()

    @property
    def went_back(self) -> int:
        """How often since the start the log was found to have gone back."""
        return self._writes.went_back

    async def look(
        self, mark: Mark | None = None, furthest: Callable[[Epochs], WritesSeq] = lambda epochs: WritesSeq(0)
    ) -> None:
        """Look whether the log still holds what was read of it; tasks that have read what is gone begin anew.

        mark, furthest: as WritesLog.look has them. BusError where the log cannot be asked.
        """
        before = Epochs(self._writes.epochs.starts)
        if await self._writes.look(mark or self._mark, furthest):
            now = self._writes.epochs
            self._mark, self._restart = NO_MARK, True
            self.ingress.went_back(WritesSeq(now.starts[-1][0]))
            self._wake.set()
            read = [r for r in self.tasks.values() if r.run.streams]
            self._on_went_back([r for r in read if now.of(r.position) != before.of(r.position)])

    async def _look_and_mark(self) -> None:
        await self.look()
        await self._writes.mark(self._mark)

    async def _look_until_known(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_PAUSE)
            try:
                await self.look()
                return
            except BusError as e:
                log.limited("look").warn("the log cannot be asked what it holds", err=e)

    async def _up_to(self, follower: Follower) -> int | None:
        return await self._clock.up_to(follower, self._stepper.cursor.at, self._stepper.stamp)

    def take(self, messages: Sequence[StoredMessage]) -> None:
        """Step all tasks through some messages of the log."""
        self._stepper.bridge(messages[0].time_ns)
        for dbrp, part in self._routing.parts(messages):
            if not self._routing.reads(dbrp):
                self._restart = True  # nobody reads this any more
                continue
            for batch in self._decoding.decode(dbrp, part, self._routing.wants(dbrp)):
                self.ingress.count(batch)
                if len(batch.points):
                    self._stepper.step(self._routing.wanted(dbrp, batch.present()), batch)
        self._stepper.cursor.at = WritesSeq(messages[-1].seq)
        stamp, before = messages[-1].time_ns, self._stepper.stamp
        self._mark = Mark(messages[-1].seq, stamp, self._writes.epochs.of(messages[-1].seq))
        self._stepper.stamp = stamp if before - stamp > JUMP else max(before, stamp)
        self._clock.observe(stamp)
        for running in list(self._awaited):
            if running.awaited is not None and running.position >= running.awaited:
                running.moved.set()
                self._awaited.discard(running)

    def _hold_to_limits(self) -> None:
        at = self._stepper.cursor.at
        if time.monotonic() - self._counted >= (_COUNT_SELDOM if at == self._counted_at else _COUNT_AGAIN):
            self._counted, self._counted_at = time.monotonic(), at
            found = self._limits.largest(r.run for r in self.tasks.values())
            if found is not None:
                run, reason = found
                self.fail(next(r for r in self.tasks.values() if r.run is run), reason)

    def fail(self, running: TaskUnderWay, error: str) -> None:
        """End a task that cannot go on."""
        log.error("a task has failed", task=running.id, err=error)
        self.remove(running)
        running.close()
        self._on_failed(running, error)

    def _pause(self) -> float:
        if self._shrinking.busy:
            return 0.0
        if not self._stepper.due:
            return _MAX_WAIT
        return min(_MAX_WAIT, max(0.0, (self._stepper.due - time.time_ns()) / 1e9))

    async def _last_before(self, running: TaskUnderWay, position: WritesSeq) -> WritesSeq:
        """The last sequence up to `position` that holds a message for the task, or `position` where one follows it."""
        last = WritesSeq(0)
        for dbrp in running.run.streams:
            seq = WritesSeq(await self._bus.last_subject_sequence(write_subject(*dbrp)))
            if seq > position:
                return position
            last = max(last, seq)
        return last


def _gather(messages: Sequence[StoredMessage], keep_coming: bool) -> float:
    """How long more may take to come behind these, in seconds. keep_coming: as they did while the last were awaited."""
    if sum(text_bytes(message) for message in messages) >= _SMALL_BYTES:
        return 0.0
    if not keep_coming:
        return _GATHER
    lines = sum(line_count(message) for message in messages)
    return min(lines * _GATHER, _GATHER_MOST)


def _goes(messages: Sequence[StoredMessage], most: int) -> Iterator[Sequence[StoredMessage]]:
    """Messages in runs of at most so many bytes of text, one message at least: larger frames do not fit the caches.

    None goes over a silence that may be a pause of the clock, or over a moment at which that was set back.
    """
    begin, size, last = 0, 0, messages[0].time_ns
    for i, message in enumerate(messages):
        its = text_bytes(message)
        if size and (size + its > most or not -JUMP <= message.time_ns - last <= PAUSE):
            yield messages[begin:i]
            begin, size = i, 0
        size += its
        last = message.time_ns
    yield messages[begin:]
