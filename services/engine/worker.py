"""A worker: follows the log, steps the tasks of its shards through it, and saves their state between two steps."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.follow import Follower, Message
from services.bus.subjects import parse_write_subject, write_subject
from services.engine.alerts.letters import letters
from services.engine.checkpoints import Checkpoints
from services.engine.effects import Effect, Failure, ForAlerting, Write
from services.engine.ingress import Ingress
from services.engine.intake import LOOPBACKS, Intake, Refused, Slice
from services.engine.node import TaskFailed
from services.engine.observed import GRACE, LEFT, PAUSE, Observed
from services.engine.outbox import Letter, Outbox, Standing
from services.engine.running import Cursor, Running
from services.store.errors import StoreError

log = logs.get("engine")

_STREAM = "WRITES"
_ANY = -1  # stands for all measurements in the index of tasks
_WAITING_BYTES = 8 << 20  # what may wait here to be taken
_MAX_WAIT = 1.0  # seconds; how long the loop sleeps at most, so that changes of its surroundings are noticed
_UNSURE_PAUSE = 0.05
_LOOK_AGAIN = 1.0  # seconds after which a drain asks once more what is left of the log
_HEADER_ROOM = 2048
_ANSWER_PAUSE = 0.02  # seconds between two looks whether a task that is drained still waits for an answer
_SMALL_BYTES = 64 << 10
_ALONE_SECONDS = 60.0  # how often a lone worker brings its states to the bus
_ASKED_SECONDS = 30.0
_SHARE_SECONDS = 5.0  # how long the loop waits for states to be on the bus where others would not know of a pause
_GATHER = 0.004  # seconds that more messages may take to come after a few small ones: a step costs as much for one

DBRP = tuple[str, str]


class Worker:
    """The loop over WRITES. Which tasks run is decided elsewhere (see services.engine.supervisor)."""

    def __init__(
        self,
        bus: Bus,
        intake: Intake,
        checkpoints: Checkpoints,
        interval: float,
        max_messages: int,
        max_bytes: int,
        standing: Callable[[], bool],
        shared: Callable[[], bool],
        on_failed: Callable[[Running, str], None],
    ) -> None:
        """interval: seconds between checkpoints. on_failed(task, error): a task has ended by itself.

        standing(): whether this worker can be sure of its shards. While it cannot, nothing is stepped. shared():
        whether other workers live, so that states have to be on the bus too.
        """
        self._bus, self._intake, self._checkpoints = bus, intake, checkpoints
        self._interval, self._max_messages, self._max_bytes = interval, max_messages, max_bytes
        self._standing, self._shared, self._on_failed = standing, shared, on_failed
        self.outbox = Outbox(bus)
        self.ingress = Ingress(intake)
        self.tasks: dict[str, Running] = {}
        self.refused = 0
        self.lag = 0
        self._cursor = Cursor(0)
        self._followed: frozenset[DBRP] = frozenset()
        self._routes: dict[DBRP, dict[int, list[Running]]] | None = None
        self._timed: dict[Running, None] = {}  # in the order of their coming
        self._several: set[Running] = set()  # those that read several databases or retention policies
        self._awaited: set[Running] = set()
        self._wake = asyncio.Event()
        self._observed = Observed(bus)
        self._stamp = 0  # of the last message that was taken, ns
        self._due = 0  # when (ns by the wall) something is due next; 0: nothing is
        self._paused = False  # a clock has gone on behind a pause, and that is not saved
        self._restart = False  # the log has to be followed anew: from an earlier position, or other subjects
        self._stopping = False
        self._loop: asyncio.Task[object] | None = None
        self._saved = time.monotonic()
        self._sharing: asyncio.Task[None] | None = None
        self._shared_at = time.monotonic()
        self._asked: list[asyncio.Future[None]] = []  # who waits until the states are on the bus

    def add(self, running: Running) -> None:
        """Let a task run from its position on."""
        running.measurements = None
        if running.run.measurements is not None:
            running.measurements = frozenset(map(self._intake.measurement, running.run.measurements))
        if not running.run.streams or (running.reached >= self._cursor.at and running.run.streams <= self._followed):
            running.cursor = self._cursor
        else:
            self._restart = True
        self.tasks[running.id] = running
        if running.run.timed:
            self._timed[running] = None
        if len(running.run.streams) > 1:
            self._several.add(running)
        self._routes = None
        self._wake.set()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            """Called in any thread, perhaps once the loop has come to its end."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)

        running.run.attach(wake)

    def remove(self, running: Running) -> bool:
        """Take a task out between two steps; its nodes are closed by the caller. Whether it was there."""
        if self.tasks.get(running.id) is not running:
            return False
        del self.tasks[running.id]
        running.leave()
        running.moved.set()
        self._awaited.discard(running)
        self._timed.pop(running, None)
        self._several.discard(running)
        self._routes = None
        return True

    def finish(self, running: Running) -> None:
        """Take a task out at its end: what its nodes hold back flows out."""
        if self.remove(running):
            try:
                self.perform(running, running.run.finish(time.time_ns()))
            except TaskFailed as e:
                log.error("a task has failed", task=running.id, error=str(e))
            except Exception as e:
                log.exception("a task broke", e, task=running.id)
            running.close()

    async def drain(self, running: Running, position: int, wanted: Callable[[], bool]) -> None:
        """Wait until a task has seen the log up to `position`, as far as there are messages for it, and no more of it.

        Returns early when it is no longer here or no longer `wanted`.
        """
        running.until = position
        while wanted() and self.tasks.get(running.id) is running:
            last = await self._last_before(running, position)
            if running.position >= last:
                if not running.run.waiting:
                    return
                await asyncio.sleep(_ANSWER_PAUSE)
                continue
            # some of it may be deleted from the log before it is read, therefore not for ever
            running.awaited = last
            running.moved.clear()
            self._awaited.add(running)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN):
                    await running.moved.wait()

    async def run(self) -> None:
        """Follow the log until `stop`."""
        self._loop = asyncio.current_task()
        while not self._stopping:
            self._restart = False
            running = list(self.tasks.values())
            # a batch task needs nothing of the log, wherever it says it has come to
            after = min((r.position for r in running if r.run.streams), default=0)
            self._followed = frozenset(dbrp for r in running for dbrp in r.run.streams)
            self._cursor = Cursor(after)
            for one in running:
                one.leave(self._cursor)
            subjects = sorted({write_subject(*dbrp) for dbrp in self._followed})
            self._observed.begin(subjects)
            self._stamp = 0
            waiting = max(_WAITING_BYTES, 2 * self._max_bytes)
            async with self._bus.follow(_STREAM, subjects, after, self._max_messages, waiting) as follower:
                await self._follow(follower)

    async def stop(self) -> None:
        """End the loop between two steps, and send nothing more."""
        self._stopping = True
        left = [task for task in (self._loop, self._sharing) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.outbox.close()

    async def _follow(self, follower: Follower) -> None:
        waiting: asyncio.Task[list[Message]] | None = None
        woken: asyncio.Task[object] | None = None
        try:
            while True:
                waiting = waiting or asyncio.create_task(follower.batch())
                woken = woken or asyncio.create_task(self._wake.wait())
                # a task that waits for too much holds up the reading: what it waits for stays bounded
                full = any(r.run.full for r in self._timed)
                awaited: set[asyncio.Task[Any]] = {woken} if full else {waiting, woken}
                await asyncio.wait(awaited, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED)
                if woken.done():
                    self._wake.clear()
                    woken = None
                if not self._standing():
                    await asyncio.sleep(_UNSURE_PAUSE)
                    continue
                self._observed.look(follower)
                # what was read before a task came that needs more of the log is not for that task
                if self._restart:
                    return
                if waiting.done() and not full:
                    messages = waiting.result()
                    waiting = None
                    self.lag = follower.pending
                    for go in _goes(messages, self._max_bytes):
                        self.take(go)
                        await asyncio.sleep(0)
                        if self._restart:
                            return
                    if sum(len(m.data) for m in messages) < _SMALL_BYTES:
                        await asyncio.sleep(_GATHER)
                behind = waiting is not None and waiting.done()
                self._tick(None if behind else await self._up_to(follower))
                await self.outbox.room()
                await self._save_if_due()
        finally:
            left = [task for task in (waiting, woken) if task is not None]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _up_to(self, follower: Follower) -> int | None:
        return await self._observed.up_to(follower, self._cursor.at, self._stamp)

    def take(self, messages: Sequence[Message]) -> None:
        """Step all tasks through some messages of the log."""
        self._bridge(messages[0].time_ns)
        routes = self._route()
        for dbrp, part in self._parts(messages):
            if dbrp not in routes:
                self._restart = True  # nobody reads this any more
                continue
            for piece in self._decode(dbrp, part):
                self.ingress.count(piece)
                self._step(dbrp, piece)
        self._cursor.at = messages[-1].seq
        self._stamp = max(self._stamp, messages[-1].time_ns)
        for running in list(self._awaited):
            if running.awaited is not None and running.position >= running.awaited:
                running.moved.set()
                self._awaited.discard(running)

    def perform(self, running: Running, effects: Sequence[Effect]) -> None:
        """Have done what a step wants done outside. Raises TaskFailed where the last of it is the task's end."""
        for effect in effects:
            if isinstance(effect, ForAlerting):
                limit = self._bus.max_payload - _HEADER_ROOM
                for lane, subject, data in letters(effect, running.started, "", limit):
                    self.outbox.send(lane, Letter(subject, data, None, running.standing))
            elif isinstance(effect, Write):
                subject = write_subject(effect.database, effect.retention_policy)
                headers = {LOOPBACKS: str(effect.loopbacks)}
                letter = Letter(subject, effect.lines, effect.message_id, running.standing, headers)
                self.outbox.send(f"{running.id}/{subject}", letter)
            elif isinstance(effect, Failure):
                raise TaskFailed(effect.reason)
            elif running.standing() is Standing.HELD:
                effect.do()

    def _step(self, dbrp: DBRP, piece: Slice) -> None:
        last = int(piece.step.seq[-1])
        for running in self._wanted(dbrp, piece.present()):
            if running.position >= last or (running.until is not None and running.position >= running.until):
                continue
            with self._failing(running):
                effects = running.run.step(piece, running.measurements, running.position, running.until)
                running.dirty = True
                self.perform(running, effects)

    def _tick(self, observed: int | None) -> None:
        """Do what is due. observed: up to when (ns) the log was taken; None: only up to the last of its messages."""
        now, due = time.time_ns(), []
        to = self._stamp if observed is None else observed
        for running in _inhibiting_first(self._timed):
            run = running.run
            if run.clocked and not run.streams:
                self._bring(running, now, pauses=True)
            elif run.clocked and to and running.cursor is self._cursor:
                self._bring(running, to, pauses=observed is not None)
            outside = run.next_outside()
            if outside is not None and outside <= now and running in self._timed:
                with self._failing(running):
                    effects = run.take_in(now)
                    running.dirty = True
                    self.perform(running, effects)
                outside = run.next_outside()
            if outside is not None:
                due.append(outside)
            if (ours := run.next_due()) is not None:
                due.append(max(ours, now) + GRACE)
        self._due = min(due, default=0)

    def _bridge(self, stamp: int) -> None:
        """Before a message is taken of this stamp (ns): nothing between it and the last one may have been observed."""
        if self._observed.unobserved(self._stamp, stamp):
            for running in _inhibiting_first(self._timed):
                clock = running.run.clock
                if running.run.clocked and running.cursor is self._cursor and clock and self._observed.before(clock):
                    self._bring(running, stamp, pauses=True)

    def _bring(self, running: Running, to: int, pauses: bool) -> None:
        """Bring a task's clock to a time (ns). pauses: from what was the last on, nothing may have been observed."""
        run = running.run
        clock, due = run.clock, run.next_due()
        if clock is not None and running.told <= clock and to - clock < LEFT and (due is None or due > to):
            run.goes_to(to)
            running.left = running.left and not pauses
            return
        with self._failing(running):
            effects: list[Effect] = []
            run.begin(to)
            if pauses:
                effects = run.advance(min(running.told, to))
                most = LEFT if running.left else PAUSE
                running.left = False
                if to - (run.clock or 0) > most:
                    run.resume(to)
                    self._paused = running.dirty = True
            due = run.next_due()
            if due is not None and due <= to:
                running.dirty = True
            self.perform(running, effects + run.advance(to))

    def fail(self, running: Running, error: str) -> None:
        """End a task that cannot go on."""
        with self._failing(running):
            raise TaskFailed(error)

    @contextlib.contextmanager
    def _failing(self, running: Running) -> Iterator[None]:
        """Whatever a task fails with ends the task, not the worker."""
        try:
            yield
            return
        except TaskFailed as e:
            error = str(e)
        except Exception as e:
            log.exception("a task broke", e, task=running.id)
            error = f"internal error: {type(e).__name__}: {e}"
        log.error("a task has failed", task=running.id, error=error)
        self.remove(running)
        running.close()
        self._on_failed(running, error)

    def _decode(self, dbrp: DBRP, part: Sequence[Message]) -> list[Slice]:
        """The points of some messages. What is not line protocol is counted, logged and skipped."""
        try:
            piece, refused = self._intake.decode(*dbrp, part)
        except Exception as e:
            log.exception("messages cannot be decoded", e, first=part[0].seq, last=part[-1].seq)
            if len(part) > 1:
                return [piece for message in part for piece in self._decode(dbrp, [message])]
            piece, refused = None, [Refused(part[0].seq, f"internal error: {e!r}")]
        self.refused += len(refused)
        for bad in refused:
            log.limited("refused").warn(
                "a message on the bus is not line protocol and is skipped",
                database=dbrp[0],
                seq=bad.seq,
                error=bad.error,
                refused=self.refused,
            )
        return [] if piece is None else [piece]

    def _wanted(self, dbrp: DBRP, present: frozenset[int]) -> list[Running]:
        """The tasks that read some of these measurements. Found by index: tasks on others cost nothing."""
        route = self._route().get(dbrp, {})
        found = {r.id: r for m in (_ANY, *sorted(present)) for r in route.get(m, ())}
        return _inhibiting_first(found.values())

    def _route(self) -> dict[DBRP, dict[int, list[Running]]]:
        if self._routes is None:
            self._routes = {}
            for running in self.tasks.values():
                for dbrp in running.run.streams:
                    route = self._routes.setdefault(dbrp, {})
                    for m in running.measurements if running.measurements is not None else (_ANY,):
                        route.setdefault(m, []).append(running)
        return self._routes

    def _parts(self, messages: Sequence[Message]) -> list[tuple[DBRP, list[Message]]]:
        """Messages by database and retention policy; as runs in log order where some task reads several of them."""
        known = {s: parse_write_subject(s) for s in {m.subject for m in messages}}
        if len(known) == 1:
            return [(known[messages[0].subject], list(messages))]
        if self._several:
            parts: list[tuple[DBRP, list[Message]]] = []
            for m in messages:
                if not parts or parts[-1][0] != known[m.subject]:
                    parts.append((known[m.subject], []))
                parts[-1][1].append(m)
            return parts
        by_subject: dict[str, list[Message]] = {}
        for m in messages:
            by_subject.setdefault(m.subject, []).append(m)
        return [(known[s], part) for s, part in by_subject.items()]

    def _pause(self) -> float:
        if not self._due:
            return _MAX_WAIT
        return min(_MAX_WAIT, max(0.0, (self._due - time.time_ns()) / 1e9))

    async def share(self) -> None:
        """Save all states and bring them to the bus: for whoever begins with them, another worker or a backup.

        BusError or StoreError where that fails, TimeoutError where it takes long.
        """
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._wake.set()
        async with asyncio.timeout(_ASKED_SECONDS):
            await asked

    async def _save_if_due(self) -> None:
        """Save the states of all tasks at the position reached, once their effects are stored.

        At once where a clock has paused: nothing in the log tells that again to whoever begins with an older state.
        And at once where somebody asks for it.
        """
        if time.monotonic() - self._saved < self._interval and not self._paused and not self._asked:
            return
        await self.outbox.sent()
        self._saved = time.monotonic()
        try:
            self._checkpoints.save(self.tasks.values())
        except StoreError as e:
            log.limited("save").error("states cannot be saved", error=str(e))
            _answer(self._take_asked(), e)
            return
        # a lone worker's states have to be on the bus as well, if not so often: it may be gone with its disk, or others
        # may come, and a backup is of the bus
        due = self._shared() or self._asked or time.monotonic() - self._shared_at >= _ALONE_SECONDS
        if due and (self._sharing is None or self._sharing.done() or self._paused or self._asked):
            self._shared_at = time.monotonic()
            self._sharing = asyncio.create_task(self._share(list(self.tasks.values()), self._take_asked()))
            if self._paused:
                await asyncio.wait([self._sharing], timeout=_SHARE_SECONDS)
        self._paused = False

    async def _share(self, tasks: Sequence[Running], asked: Sequence[asyncio.Future[None]]) -> None:
        error: Exception | None = None
        try:
            await self._checkpoints.share(tasks)
        except BusError as e:
            error = e
            log.warn("states cannot be brought to the bus yet", error=str(e))
        except Exception as e:
            error = e
            log.exception("states cannot be brought to the bus", e)
        _answer(asked, error)

    def _take_asked(self) -> list[asyncio.Future[None]]:
        """Who waits for what is done next."""
        asked, self._asked = self._asked, []
        return asked

    async def _last_before(self, running: Running, position: int) -> int:
        """The last sequence up to `position` that holds a message for the task, or `position` where one follows it."""
        last = 0
        for dbrp in running.run.streams:
            seq = await self._bus.last_subject_sequence(write_subject(*dbrp))
            if seq > position:
                return position
            last = max(last, seq)
        return last


def _answer(asked: Iterable[asyncio.Future[None]], error: Exception | None) -> None:
    """Tell those who have waited, and still do, what has come of it."""
    for one in asked:
        if not one.done():
            one.set_result(None) if error is None else one.set_exception(error)


def _goes(messages: Sequence[Message], most: int) -> Iterator[Sequence[Message]]:
    """Messages in runs of at most so many bytes, one message at least: larger frames do not fit the caches.

    None goes over a silence that may be a pause of the clock.
    """
    begin, size, last = 0, 0, messages[0].time_ns
    for i, message in enumerate(messages):
        if size and (size + len(message.data) > most or message.time_ns - last > PAUSE):
            yield messages[begin:i]
            begin, size = i, 0
        size += len(message.data)
        last = message.time_ns
    yield messages[begin:]


def _inhibiting_first(tasks: Iterable[Running]) -> list[Running]:
    """Tasks whose alerts inhibit others come first, so that this is on the bus before alerts of the same step."""
    found = list(tasks)
    return sorted(found, key=lambda r: not r.run.inhibits) if any(r.run.inhibits for r in found) else found
