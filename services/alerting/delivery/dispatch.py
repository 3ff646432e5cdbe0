"""Running the handlers: each has a queue of its own, in which its events go one after another.

A queue that is slow or dead holds up no other, and not the fold. What waits in a queue is little more than where the
events stand in the log; their messages are kept too while there is room, and else read again when their turn comes.
Where much waits, only what comes next is here at all, and the rest where `DeliveryProgress` keeps it.

The queue of a handler that makes one event of many (see aggregation.py) does so at the end of each interval.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from services.alerting.delivery.aggregation import aggregate
from services.alerting.delivery.delivery import Delivery
from services.alerting.delivery.forward import Forwarder
from services.alerting.delivery.match import NoMatch
from services.alerting.delivery.outcomes import GIVEN_UP, RETRYING, SENT, Outcomes
from services.alerting.delivery.protocols import Counts, DeliveryLimits, DeliveryProgress, Shares
from services.alerting.delivery.queue import Cursor, DeliveryQueue, QueueEntry
from services.alerting.delivery.shards import SHARDS, shard_of_topic
from services.alerting.errors import PartlySent, Rejected, Unsent
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Aggregator, AlertHandler, HandlerContext
from services.alerting.topics.ages import Ages
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import HELD
from services.bus.errors import BusError
from services.process import log as logs

_log = logs.get("alerting")

_BUS_PAUSE = 0.5
_LONG_INTERVAL = 30 * 10**9  # ns: for what is collected for longer a replay does not wait
_END_SECONDS = 0.8  # for what was broken off to come to its end; see command.py
_NAMESPACE = uuid.UUID("6f1d9f0e-5f5a-4c0e-9d55-0b8f6f2f7c11")
_MOST_BESIDE = 1_000  # events that are sent again beside their queues
_FULL = 5_000  # messages that wait in a queue that collects until it does so before its time
_FEW = 32  # messages of a queue that are held in any case
_PAGE = 1_000  # messages that a queue that does not collect holds


class Dispatcher:
    """All queues, those that other alertings run among them: these get on by what is learned of them."""

    def __init__(
        self,
        context: HandlerContext,
        log: FoldedLog,
        progress: DeliveryProgress,
        limits: DeliveryLimits,
        forwarder: Callable[[str], Forwarder],
        shares: Shares,
    ) -> None:
        """forwarder(key): what puts events into topics for a handler."""
        self._context, self._log, self._progress, self._limits = context, log, progress, limits
        self._shares = shares
        self._forwarder = forwarder
        self._kept_bytes = 0
        self._ages = Ages()
        self.stopping = False
        self._beside: dict[asyncio.Task[None], Delivery] = {}
        self.queues: dict[str, DeliveryQueue] = {}
        self._put_of: dict[str, int] = {}  # by replay, how many entries were put
        self.counts = Counts()
        self.outcomes = Outcomes()

    @property
    def waiting(self) -> int:
        """How many events wait in all queues that no other alerting runs, and beside them."""
        return sum(queue.waiting() for queue in self.here()) + len(self._beside)

    def here(self) -> list[DeliveryQueue]:
        """The queues that no other alerting runs."""
        elsewhere = {shard for shard in range(SHARDS) if self._shares.elsewhere(shard)}
        return [queue for queue in self.queues.values() if queue.shard not in elsewhere]

    def put_of(self, replay: str) -> int:
        """How many entries a replay's events have ever been."""
        return self._put_of.get(replay, 0)

    def waiting_of(self, replay: str) -> tuple[int, int]:
        """How many of a replay's events wait, and a number that rises as the queues get on in which they do.

        It is the same in every alerting that has learned how far the queues are. What is collected for longer than half
        a minute is left out: it waits for its time and not for a sink.
        """
        waiting = done = 0
        for queue in self.queues.values():
            mine = queue.waiting(replay)
            if mine and not (
                isinstance(queue.handler, Aggregator) and queue.handler.interval(queue.options) > _LONG_INTERVAL
            ):
                waiting, done = waiting + mine, done + queue.entries[0].seq + queue.entries[0].next
        return waiting, done

    def forget(self, replay: str) -> None:
        """A replay is over, and nobody asks for it any more."""
        self._put_of.pop(replay, None)

    def put(self, of: BoundHandler, entry: QueueEntry) -> None:
        """Have a handler handle some events, after those it already has."""
        queue = self.queues.get(of.key)
        if queue is None:
            try:
                self._context.guard.handler(of.kind)
                queue = self.queues[of.key] = DeliveryQueue(of)
            except ValueError as error:
                if self._shares.has(shard_of_topic(of.topic)):
                    self.counts.dead_lettered += entry.end - entry.next
                    log = _log.limited(f"given up {of.key}")
                    log.error("alert events given up on", topic=of.topic, kind=of.kind, seq=entry.seq, err=error)
                return
        ours = self._shares.has(queue.shard)
        if not ours and self._shares.elsewhere(queue.shard):
            entry.message = None
        if queue.spilled or (len(queue.entries) >= _FEW and not self._has_room(queue, entry)):
            entry.message = None
            queue.spill(entry)
        else:
            if queue.entries and self._kept_bytes + entry.size > self._limits.bytes:
                entry.message = None
            queue.hold(entry)
            self._kept_bytes += entry.size
        if entry.replay:
            self._put_of[entry.replay] = self._put_of.get(entry.replay, 0) + 1
        self._progress.added(of.key, entry)
        if queue.messages > self._limits.entries:
            self._overflow(queue)
        if queue.messages >= _FULL:
            queue.full.set()
        if ours:
            self._shares.put(queue)
            self._begin(queue)

    def resume(self) -> None:
        """Go on with what waits in all queues that are ours."""
        for queue in self.queues.values():
            if queue.entries and self._shares.has(queue.shard):
                self._begin(queue)

    def occupied(self, seconds: float) -> set[int]:
        """The shards in which something has been on its way to its sink for longer than this."""
        before = time.monotonic() - seconds
        return {queue.shard for queue in self.queues.values() if queue.since is not None and queue.since < before}

    async def vacate(self, shards: set[int], timeout: float) -> set[int]:
        """Wait until nothing is done in shards any more that are not ours; gives those where it takes longer."""
        tasks = self.halt(shards)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        return {queue.shard for queue in self.queues.values() if queue.shard in shards and queue.task is not None}

    def halt(self, shards: set[int]) -> list[asyncio.Task[None]]:
        """Begin nothing more in shards that are not ours; gives what is still done there. What is on its way to its
        sink may arrive."""
        queues = [queue for queue in self.queues.values() if queue.shard in shards and queue.task is not None]
        tasks = [queue.task for queue in queues if queue.task is not None]
        for queue, task in zip(queues, tasks, strict=True):
            if queue.pausing:
                task.cancel()
        return tasks

    def learned(self, key: str, cursor: Cursor) -> None:
        """Another alerting has done every event of a queue before the cursor."""
        queue = self.queues.get(key)
        if queue is None:
            self._progress.done(key, cursor)
        elif queue.task is not None and not isinstance(queue.handler, Aggregator):
            queue.ahead = max(queue.ahead, cursor)
        else:
            self.advance(queue, cursor)
            if queue.task is None and not queue.entries:
                del self.queues[key]

    async def stop(self, timeout: float) -> None:
        """Take up no more events; those being sent may end within so many seconds."""
        self.stopping = True
        tasks = [queue.task for queue in self.queues.values() if queue.task is not None]
        for queue in self.queues.values():
            if queue.task is not None and queue.pausing:
                queue.task.cancel()
        for task, delivery in self._beside.items():
            tasks.append(task)
            if delivery.pausing:
                task.cancel()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=timeout)
            for task in pending:
                task.cancel()
            if pending:
                _, pending = await asyncio.wait(pending, timeout=_END_SECONDS)
            if pending:
                _log.warn("handlers do not come to an end", handlers=len(pending))

    async def drained(self) -> None:
        """Wait until nothing waits that is to be done here."""
        while tasks := [*(queue.task for queue in self.queues.values() if queue.task is not None), *self._beside]:
            await asyncio.wait(tasks)

    def covered(self, key: str, last: Cursor) -> None:
        """An event was folded that a handler has made of all up to this one."""
        queue = self.queues.get(key)
        if queue is not None and isinstance(queue.handler, Aggregator):
            self.advance(queue, (last[0], last[1] + 1))

    def advance(self, queue: DeliveryQueue, cursor: Cursor) -> None:
        """Every event of the queue before the cursor is done."""
        while queue.entries and (queue.entries[0].seq, queue.entries[0].end) <= cursor:
            entry = queue.entries.popleft()
            entry.next = entry.end
            self._remove(queue, entry)
            self._refill(queue)
        if queue.entries and queue.entries[0].seq == cursor[0]:
            queue.entries[0].next = max(queue.entries[0].next, cursor[1])
        self._done(queue, cursor)

    async def message(self, entry: QueueEntry) -> ReceivedMessage | None:
        """An entry's message; None where it was not kept, and the log has it no more."""
        if entry.message is not None:
            return entry.message
        while True:
            try:
                return await self._log.fetch(entry.seq)
            except BusError as error:
                _log.warn("an alert event cannot be read again yet", seq=entry.seq, err=error)
                await asyncio.sleep(_BUS_PAUSE)

    def wanted(
        self, queue: DeliveryQueue, entry: QueueEntry, number: int, message: ReceivedMessage
    ) -> AlertEvent | None:
        """An event of an entry, None where it is none or is not for the handler."""
        previous = entry.previous[number - entry.first]
        if previous >= HELD:
            self.outcomes.held(queue.of, message, number, entry.seq, previous)
            return None
        try:
            lasted = entry.durations.get(number)
            event = message.event(number, previous, entry.seq, lasted)
            return event if queue.match is None or queue.match(event, entry.time_ns) else None
        except NoMatch as reason:
            what = _log.limited(queue.of.key)
            what.warn("an alert's match cannot be evaluated", topic=queue.of.topic, match=queue.of.match, err=reason)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self.dead_letter(queue, entry.seq, 1, f"no event: {error!r}")
        return None

    def dead_letter(self, queue: DeliveryQueue, seq: int, count: int, reason: str, id: str = "") -> None:
        """Note that some events of a message are not handled."""
        self.counts.dead_lettered += count
        queue.dead_lettered += count
        keys = {
            "topic": queue.of.topic,
            "kind": queue.of.kind,
            "seq": seq,
            "events": count,
            "in_all": queue.dead_lettered,
        }
        log = _log.limited(f"given up {queue.of.key}")
        log.error("alert events given up on", **keys, **({"id": id} if id else {}), err=reason)

    def handled(self, queue: DeliveryQueue, count: int) -> None:
        """Note that some events are."""
        self.counts.handled[queue.of.kind] = self.counts.handled.get(queue.of.kind, 0) + count

    def collected(self, queue: DeliveryQueue, events: Sequence[AlertEvent], took: float, error: str = "") -> None:
        """Note that one event was made of some, or why none was."""
        for event in events:
            self.outcomes.note(queue.of, event, GIVEN_UP if error else SENT, 1, took, error)

    async def goes_on(self, queue: DeliveryQueue) -> bool:
        """Whether something may be begun in a queue: it is ours, and the service does not stop. Waits while that is not
        sure."""
        if self.stopping or not self._shares.has(queue.shard):
            return False
        queue.pausing = True
        await self._shares.sure()
        queue.pausing = False
        return not self.stopping and self._shares.has(queue.shard)

    def _begin(self, queue: DeliveryQueue) -> None:
        if queue.task is None and not self.stopping:
            queue.task = asyncio.create_task(self._run(queue))

    async def _run(self, queue: DeliveryQueue) -> None:
        forward = self._forwarder(queue.of.key)
        broken_off = False
        try:
            handler = queue.handler
            if isinstance(handler, Aggregator):
                await aggregate(queue, handler, forward, self, self._log)
            elif isinstance(handler, AlertHandler):
                await self._one_by_one(queue, handler, forward)
        except asyncio.CancelledError:
            broken_off = True
            raise
        finally:
            queue.task, queue.pausing = None, False
            if queue.next is not None and queue.next < queue.ahead and not self._shares.has(queue.shard):
                self.advance(queue, queue.ahead)  # learned while something was still being sent here
            if not queue.entries:
                self.queues.pop(queue.of.key, None)
            elif broken_off and self._shares.has(queue.shard):
                self._begin(queue)  # it became ours again meanwhile

    async def _one_by_one(self, queue: DeliveryQueue, handler: AlertHandler[Any], forward: Forwarder) -> None:
        while queue.entries and await self.goes_on(queue):
            entry = queue.entries[0]
            message = await self.message(entry)
            if message is None:
                self.dead_letter(queue, entry.seq, entry.end - entry.next, "the log has them no more")
                entry.next = entry.end
                self._done(queue, (entry.seq, entry.next))
            while entry.next < entry.end and await self.goes_on(queue):
                assert message is not None
                known = (entry.seq, entry.next) < queue.ahead
                event = self.wanted(queue, entry, entry.next, message) if not known else None
                if event is not None:
                    key = _key(queue, entry)
                    about = replace(self._context, forward=forward, key=key, received=entry.time_ns, memory={})
                    until = time.monotonic() + self._limits.retry_for - self._ages.of(entry.time_ns)
                    if not await self._deliver(queue, entry.seq, Delivery(handler, queue.options, event, about, until)):
                        return
                entry.next += 1
                self._done(queue, (entry.seq, entry.next))
                # lets it be written down before the next one is sent
                await asyncio.sleep(0)
            if entry.next >= entry.end:
                self._remove(queue, queue.entries.popleft())
                self._refill(queue)

    async def _deliver(self, queue: DeliveryQueue, seq: int, delivery: Delivery) -> bool:
        """Have one event handled, or at least so far that the queue may go on. False where it is for others to do."""
        problem = await self._attempt(queue, delivery)
        if isinstance(problem, PartlySent) and len(self._beside) < _MOST_BESIDE:
            task = asyncio.create_task(self._rest(queue, seq, delivery, problem))
            self._beside[task] = delivery
            task.add_done_callback(self._beside.pop)
            return True
        return await self._try_on(queue, seq, delivery, problem)

    async def _attempt(self, queue: DeliveryQueue, delivery: Delivery) -> Unsent | Rejected | None:
        queue.since = time.monotonic()
        try:
            return await self._timed(queue, delivery)
        finally:
            queue.since = None

    async def _timed(self, queue: DeliveryQueue, delivery: Delivery) -> Unsent | Rejected | None:
        problem = await delivery.attempt()
        self.counts.latencies.observe(queue.of.kind, queue.of.topic, delivery.took)
        return problem

    async def _rest(self, queue: DeliveryQueue, seq: int, delivery: Delivery, problem: Unsent) -> None:
        """Go on with an event beside its queue, which does not wait for it. Where the service stops it is given up on:
        nobody knows any more whom it was sent to already."""
        try:
            await self._try_on(queue, seq, delivery, problem)
        except asyncio.CancelledError:
            self._give_up(queue, seq, delivery, f"the service stops; {problem}")
            raise

    async def _try_on(
        self, queue: DeliveryQueue, seq: int, delivery: Delivery, problem: Unsent | Rejected | None
    ) -> bool:
        """Send an event again and again while the sink does not answer and it is not too late, after a first attempt
        that ended with this problem. False where the queue is no longer ours: what goes beside it stays here."""
        beside = asyncio.current_task() is not queue.task
        while problem is not None:
            pause = delivery.pause(problem)
            if pause is None:
                self._give_up(queue, seq, delivery, str(problem))
                return True
            self._note(queue, delivery, RETRYING, str(problem))
            keys = {"topic": queue.of.topic, "kind": queue.of.kind, "id": delivery.event.id}
            _log.limited(f"again {queue.of.key}").warn("an alert is sent again later", **keys, err=problem)
            if not beside:
                queue.pausing = True
            await delivery.wait(pause)
            if not beside:
                queue.pausing = False
                if not await self.goes_on(queue):
                    return False
            self.counts.retried += 1
            problem = await (self._timed(queue, delivery) if beside else self._attempt(queue, delivery))
        self.handled(queue, 1)
        self._note(queue, delivery, SENT)
        return True

    def _give_up(self, queue: DeliveryQueue, seq: int, delivery: Delivery, reason: str) -> None:
        self.dead_letter(queue, seq, 1, reason, delivery.event.id)
        self._note(queue, delivery, GIVEN_UP, reason)

    def _note(self, queue: DeliveryQueue, delivery: Delivery, what: str, error: str = "") -> None:
        tried, before = (delivery.attempts, delivery.took), delivery.outcome
        delivery.outcome = self.outcomes.note(queue.of, delivery.event, what, *tried, error, before)

    def _overflow(self, queue: DeliveryQueue) -> None:
        """Give up on the oldest that is not being handled."""
        self._refill(queue)
        if len(queue.entries) < 2:
            return
        entry = queue.entries[1]
        del queue.entries[1]
        if self._shares.has(queue.shard):
            self.dead_letter(queue, entry.seq, entry.end - entry.next, "too many wait for this handler")
        entry.next = entry.end
        self._remove(queue, entry)

    def _done(self, queue: DeliveryQueue, cursor: Cursor) -> None:
        self._progress.done(queue.of.key, cursor)
        if queue.task is not None:
            self._shares.done(queue, cursor)

    def _has_room(self, queue: DeliveryQueue, entry: QueueEntry) -> bool:
        """Whether one more entry may be held, at least without its message."""
        bare = entry.size - (entry.message.size if entry.message is not None else 0)
        return len(queue.entries) < _most_held(queue) and self._kept_bytes + bare <= self._limits.bytes

    def _refill(self, queue: DeliveryQueue) -> None:
        """Hold what comes next where few are left of what was."""
        while queue.spilled and len(queue.entries) < _FEW:
            before = queue.bytes
            queue.take_back(self._progress.page(queue.of.key, queue.held, _most_held(queue)))
            self._kept_bytes += queue.bytes - before

    def _remove(self, queue: DeliveryQueue, entry: QueueEntry) -> None:
        self._progress.removed(queue.of.key, entry)
        queue.bytes -= entry.size
        self._kept_bytes -= entry.size


def _most_held(queue: DeliveryQueue) -> int:
    """What is collected waits for the end of an interval, and is then wanted as a whole."""
    return _FULL if isinstance(queue.handler, Aggregator) else _PAGE


def _key(queue: DeliveryQueue, entry: QueueEntry) -> str:
    """What identifies the entry's next event in this queue, whatever comes of this process and of the log."""
    return str(uuid.uuid5(_NAMESPACE, f"{queue.of.key}/{entry.seq}/{entry.next}/{entry.time_ns}"))
