"""Running the handlers: each has a lane of its own, in which its events go one after another.

A lane that is slow or dead holds up no other, and not the fold. What waits in a lane is little more than where the
events stand in the log; their messages are kept too while there is room, and else read again when their turn comes.

The lane of a handler that makes one event of many (see collecting.py) does so at the end of each interval.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from services import log as logs
from services.alerting.collecting import collect
from services.alerting.delivery import Delivery
from services.alerting.event import Event
from services.alerting.forward import Forwarder
from services.alerting.handler import Around, Handler, PartlySent, Refused, Unsent, collects
from services.alerting.lane import Cursor, Entry, Lane
from services.alerting.match import NoMatch
from services.alerting.message import Message
from services.alerting.runs import HandlerOf
from services.alerting.topics import INHIBITED
from services.bus.errors import BusError

_log = logs.get("alerting")

_BUS_PAUSE = 0.5
_LONG_INTERVAL = 30 * 10**9  # ns: for what is collected for longer a replay does not wait
_END_SECONDS = 0.8  # for what was broken off to come to its end; see command.py
_NAMESPACE = uuid.UUID("6f1d9f0e-5f5a-4c0e-9d55-0b8f6f2f7c11")
_MOST_BESIDE = 1_000  # events that are sent again beside their lanes
_FULL = 5_000  # messages that wait in a lane that collects until it does so before its time


@dataclass(frozen=True, slots=True)
class Limits:
    """retry_for: seconds since an event came within which it is tried again. bytes: of messages kept for all lanes.

    entries: how many messages may wait in one lane; beyond that the oldest are given up on.
    timeout: seconds that an attempt may take (see Around); 0: for ever.
    """

    retry_for: float = 600.0
    timeout: float = 30.0
    bytes: int = 64 << 20
    entries: int = 200_000


@dataclass(slots=True)
class Counts:
    """handled: events that a sink took, by kind; retried: attempts after the first; given_up: events not taken."""

    handled: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    given_up: int = 0


class Ledger(Protocol):
    """Who writes down how far the lanes are, by their keys."""

    def added(self, key: str, entry: Entry) -> None:
        """An entry waits."""

    def done(self, key: str, cursor: Cursor) -> None:
        """Every event of the lane before the cursor is done."""

    def removed(self, key: str, entry: Entry) -> None:
        """An entry waits no more."""


class AlertLog(Protocol):
    """ALERTS."""

    async def fetch(self, seq: int) -> Message | None:
        """Read a message again; None where the log has it no more. Raises BusError."""

    async def current(self) -> None:
        """Wait until everything is folded that was there when alerting began."""

    async def folded(self, seq: int) -> None:
        """Wait until a message is folded."""


class Dispatcher:
    """All lanes."""

    def __init__(
        self, around: Around, log: AlertLog, ledger: Ledger, limits: Limits, forwarder: Callable[[str], Forwarder]
    ) -> None:
        """forwarder(key): what puts events into topics for a handler."""
        self._around, self._log, self._ledger, self._limits = around, log, ledger, limits
        self._forwarder = forwarder
        self._kept_bytes = 0
        self._began = time.time_ns()
        self.stopping = False
        self._beside: dict[asyncio.Task[None], Delivery] = {}
        self.lanes: dict[str, Lane] = {}
        self._put_of: dict[str, int] = {}  # by replay, how many entries were put
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many events wait in all lanes, and beside them."""
        waiting = sum(entry.end - entry.next for lane in self.lanes.values() for entry in lane.entries)
        return waiting + len(self._beside)

    def put_of(self, replay: str) -> int:
        """How many entries a replay's events have ever been."""
        return self._put_of.get(replay, 0)

    def waiting_of(self, replay: str) -> tuple[int, int]:
        """How many of a replay's events wait, and how many events the lanes in which they do have done.

        What is collected for longer than half a minute is left out: it waits for its time and not for a sink.
        """
        waiting = done = 0
        for lane in self.lanes.values():
            mine = sum(entry.end - entry.next for entry in lane.entries if entry.replay == replay)
            if mine and not (collects(lane.handler) and lane.handler.interval(lane.options) > _LONG_INTERVAL):
                waiting, done = waiting + mine, done + lane.done
        return waiting, done

    def forget(self, replay: str) -> None:
        """A replay is over, and nobody asks for it any more."""
        self._put_of.pop(replay, None)

    def put(self, of: HandlerOf, entry: Entry) -> None:
        """Have a handler handle some events, after those it already has."""
        lane = self.lanes.get(of.key)
        if lane is None:
            try:
                lane = self.lanes[of.key] = Lane(of)
            except ValueError as error:
                self.counts.given_up += entry.end - entry.next
                _log.error("alert events given up on", topic=of.topic, kind=of.kind, seq=entry.seq, err=error)
                return
        if entry.message is not None:
            size = len(entry.message.raw)
            if self._kept_bytes + size > self._limits.bytes and lane.entries:
                entry.message = None
            else:
                self._kept_bytes += size
        lane.entries.append(entry)
        if entry.replay:
            self._put_of[entry.replay] = self._put_of.get(entry.replay, 0) + 1
        self._ledger.added(of.key, entry)
        if len(lane.entries) > self._limits.entries:
            self._overflow(lane)
        if len(lane.entries) >= _FULL:
            lane.full.set()
        if lane.task is None and not self.stopping:
            lane.task = asyncio.create_task(self._run(lane))

    async def stop(self, timeout: float) -> None:
        """Take up no more events; those being sent may end within so many seconds."""
        self.stopping = True
        tasks = [lane.task for lane in self.lanes.values() if lane.task is not None]
        for lane in self.lanes.values():
            if lane.task is not None and lane.pausing:
                lane.task.cancel()
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
        """Wait until nothing waits."""
        while tasks := [*(lane.task for lane in self.lanes.values() if lane.task is not None), *self._beside]:
            await asyncio.wait(tasks)

    def covered(self, key: str, last: Cursor) -> None:
        """An event was folded that a handler has made of all up to this one."""
        lane = self.lanes.get(key)
        if lane is not None and collects(lane.handler):
            self.advance(lane, (last[0], last[1] + 1))

    def advance(self, lane: Lane, cursor: Cursor) -> None:
        """Every event of the lane before the cursor is done."""
        while lane.entries and (lane.entries[0].seq, lane.entries[0].end) <= cursor:
            self._remove(lane, lane.entries.popleft())
        if lane.entries and lane.entries[0].seq == cursor[0]:
            lane.entries[0].next = max(lane.entries[0].next, cursor[1])
        self._ledger.done(lane.of.key, cursor)

    async def message(self, entry: Entry) -> Message | None:
        """An entry's message; None where it was not kept, and the log has it no more."""
        if entry.message is not None:
            return entry.message
        while True:
            try:
                return await self._log.fetch(entry.seq)
            except BusError as error:
                _log.warn("an alert event cannot be read again yet", seq=entry.seq, err=error)
                await asyncio.sleep(_BUS_PAUSE)

    def wanted(self, lane: Lane, entry: Entry, number: int, message: Message) -> Event | None:
        """An event of an entry, None where it is none or is not for the handler."""
        if entry.previous[number - entry.first] == INHIBITED:
            return None
        try:
            previous, lasted = entry.previous[number - entry.first], entry.durations.get(number)
            event = message.event(number, previous, entry.seq, lasted)
            return event if lane.match is None or lane.match(event, entry.time_ns) else None
        except NoMatch as reason:
            what = _log.limited(lane.of.key)
            what.warn("an alert's match cannot be evaluated", topic=lane.of.topic, match=lane.of.match, err=reason)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self.give_up(lane, entry.seq, 1, f"no event: {error!r}")
        return None

    def give_up(self, lane: Lane, seq: int, count: int, reason: str, id: str = "") -> None:
        """Note that some events of a message are not handled."""
        self.counts.given_up += count
        keys = {"topic": lane.of.topic, "kind": lane.of.kind, "seq": seq, "events": count}
        _log.error("alert events given up on", **keys, **({"id": id} if id else {}), err=reason)

    def handled(self, lane: Lane, count: int) -> None:
        """Note that some events are."""
        self.counts.handled[lane.of.kind] = self.counts.handled.get(lane.of.kind, 0) + count

    async def _run(self, lane: Lane) -> None:
        forward = self._forwarder(lane.of.key)
        try:
            handler = lane.handler
            if collects(handler):
                await collect(lane, handler, forward, self, self._log)
            else:
                await self._one_by_one(lane, cast(Handler, handler), replace(self._around, forward=forward))
        finally:
            lane.task = None
            if not lane.entries:
                self.lanes.pop(lane.of.key, None)

    async def _one_by_one(self, lane: Lane, handler: Handler, around: Around) -> None:
        while lane.entries and not self.stopping:
            entry = lane.entries[0]
            message = await self.message(entry)
            if message is None:
                self.give_up(lane, entry.seq, entry.end - entry.next, "the log has them no more")
                entry.next = entry.end
                self._ledger.done(lane.of.key, (entry.seq, entry.next))
            while entry.next < entry.end and not self.stopping:
                assert message is not None
                event = self.wanted(lane, entry, entry.next, message)
                if event is not None:
                    about = replace(around, key=_key(lane, entry), came=entry.time_ns, memory={})
                    until = max(entry.time_ns, self._began) / 1e9 + self._limits.retry_for
                    await self._deliver(lane, entry.seq, Delivery(handler, lane.options, event, about, until))
                entry.next += 1
                lane.done += 1
                self._ledger.done(lane.of.key, (entry.seq, entry.next))
                # lets the ledger write it down before the next one is sent
                await asyncio.sleep(0)
            if entry.next >= entry.end:
                self._remove(lane, lane.entries.popleft())

    async def _deliver(self, lane: Lane, seq: int, delivery: Delivery) -> None:
        """Have one event handled, or at least so far that the lane may go on."""
        problem = await delivery.attempt()
        if isinstance(problem, PartlySent) and len(self._beside) < _MOST_BESIDE:
            task = asyncio.create_task(self._rest(lane, seq, delivery, problem))
            self._beside[task] = delivery
            task.add_done_callback(self._beside.pop)
        else:
            await self._try_on(lane, seq, delivery, problem)

    async def _rest(self, lane: Lane, seq: int, delivery: Delivery, problem: Unsent) -> None:
        """Go on with an event beside its lane, which does not wait for it. Where the service stops it is given up on:
        nobody knows any more whom it was sent to already."""
        try:
            await self._try_on(lane, seq, delivery, problem)
        except asyncio.CancelledError:
            self.give_up(lane, seq, 1, f"the service stops; {problem}", delivery.event.id)
            raise

    async def _try_on(self, lane: Lane, seq: int, delivery: Delivery, problem: Unsent | Refused | None) -> None:
        """Send an event again and again while the sink does not answer and it is not too late, after a first attempt
        that ended with this problem."""
        beside = asyncio.current_task() is not lane.task
        while problem is not None:
            pause = delivery.pause(problem)
            if pause is None:
                self.give_up(lane, seq, 1, str(problem), delivery.event.id)
                return
            keys = {"topic": lane.of.topic, "kind": lane.of.kind, "id": delivery.event.id}
            _log.warn("an alert is sent again later", **keys, err=problem)
            if not beside:
                lane.pausing = True
            await delivery.wait(pause)
            if not beside:
                lane.pausing = False
            self.counts.retried += 1
            problem = await delivery.attempt()
        self.handled(lane, 1)

    def _overflow(self, lane: Lane) -> None:
        """Give up on the oldest that is not being handled."""
        entry = lane.entries[1]
        del lane.entries[1]
        self.give_up(lane, entry.seq, entry.end - entry.next, "too many wait for this handler")
        entry.next = entry.end
        self._remove(lane, entry)

    def _remove(self, lane: Lane, entry: Entry) -> None:
        self._ledger.removed(lane.of.key, entry)
        if entry.message is not None:
            self._kept_bytes -= len(entry.message.raw)


def _key(lane: Lane, entry: Entry) -> str:
    """What identifies the entry's next event in this lane, whatever comes of this process and of the log."""
    return str(uuid.uuid5(_NAMESPACE, f"{lane.of.key}/{entry.seq}/{entry.next}/{entry.time_ns}"))
