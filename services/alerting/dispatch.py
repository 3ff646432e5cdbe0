"""Running the handlers: each has a lane of its own, in which its events go one after another.

A lane that is slow or dead holds up no other, and not the fold. What waits in a lane is little more than where the
events stand in the log; their messages are kept too while there is room, and else read again when their turn comes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from services import log as logs
from services.alerting import handlers
from services.alerting.event import Event
from services.alerting.handler import Around, Handler, Refused, Unsent
from services.alerting.message import Message
from services.alerting.runs import HandlerOf
from services.bus.errors import BusError

_log = logs.get("alerting")

Cursor = tuple[int, int]
"""A place in ALERTS: sequence of a message, number of an event in it."""

Fetch = Callable[[int], Awaitable[Message | None]]
"""Reads a message of the log again; None where the log has it no more."""

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 10.0
_BUS_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """retry_for: seconds since an event came within which it is tried again. bytes: of messages kept for all lanes.

    entries: how many messages may wait in one lane; beyond that the oldest are given up on.
    """

    retry_for: float = 300.0
    bytes: int = 64 << 20
    entries: int = 200_000


@dataclass(slots=True)
class Entry:
    """What waits of one message: events from number `next` to `end`; previous: levels from number `first` on."""

    seq: int
    first: int
    end: int
    previous: bytes
    time_ns: int
    next: int
    message: Message | None = None
    saved: bool = False


@dataclass(slots=True)
class Counts:
    """handled: events that a sink took, by kind; retried: attempts after the first; given_up: events not taken."""

    handled: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    given_up: int = 0


class Lane:
    """One handler of one topic, and what waits for it."""

    def __init__(self, of: HandlerOf) -> None:
        """ValueError where the kind is unknown or does not take the options."""
        self.of = of
        self.handler, self.options = handlers.from_json(of.kind, of.options)
        self.entries: deque[Entry] = deque()
        self.task: asyncio.Task[None] | None = None
        self.pausing = False

    @property
    def next(self) -> Cursor | None:
        """The event that is handled now or next, None where nothing waits."""
        return (self.entries[0].seq, self.entries[0].next) if self.entries else None


class Ledger(Protocol):
    """Who writes down how far the lanes are, by their keys."""

    def added(self, key: str, entry: Entry) -> None:
        """An entry waits."""

    def done(self, key: str, cursor: Cursor) -> None:
        """Every event of the lane before the cursor is done."""

    def removed(self, key: str, entry: Entry) -> None:
        """An entry waits no more."""


class Dispatcher:
    """All lanes."""

    def __init__(self, around: Around, fetch: Fetch, ledger: Ledger, limits: Limits) -> None:
        self._around, self._fetch, self._ledger, self._limits = around, fetch, ledger, limits
        self._kept_bytes = 0
        self._began = time.time_ns()
        self._stopping = False
        self.lanes: dict[str, Lane] = {}
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many events wait in all lanes."""
        return sum(entry.end - entry.next for lane in self.lanes.values() for entry in lane.entries)

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
        self._ledger.added(of.key, entry)
        if len(lane.entries) > self._limits.entries:
            self._overflow(lane)
        if lane.task is None and not self._stopping:
            lane.task = asyncio.create_task(self._run(lane))

    async def stop(self, timeout: float) -> None:
        """Take up no more events; those being sent may end within so many seconds."""
        self._stopping = True
        tasks = [lane.task for lane in self.lanes.values() if lane.task is not None]
        for lane in self.lanes.values():
            if lane.task is not None and lane.pausing:
                lane.task.cancel()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=timeout)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    async def drained(self) -> None:
        """Wait until nothing waits."""
        while tasks := [lane.task for lane in self.lanes.values() if lane.task is not None]:
            await asyncio.wait(tasks)

    async def _run(self, lane: Lane) -> None:
        try:
            while lane.entries and not self._stopping:
                entry = lane.entries[0]
                message = entry.message or await self._again(entry.seq)
                if message is None:
                    self._give_up(lane, entry, entry.end - entry.next, "the log has them no more")
                    entry.next = entry.end
                    self._ledger.done(lane.of.key, (entry.seq, entry.next))
                while entry.next < entry.end and not self._stopping:
                    assert message is not None
                    await self._deliver(lane, entry, message)
                    entry.next += 1
                    self._ledger.done(lane.of.key, (entry.seq, entry.next))
                    # lets the ledger write it down before the next one is sent
                    await asyncio.sleep(0)
                if entry.next >= entry.end:
                    self._remove(lane, lane.entries.popleft())
        finally:
            lane.task = None
            if not lane.entries:
                self.lanes.pop(lane.of.key, None)

    async def _deliver(self, lane: Lane, entry: Entry, message: Message) -> None:
        """Have one event handled: again and again while the sink does not answer and it is not too old."""
        try:
            event = message.event(entry.next, entry.previous[entry.next - entry.first])
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self._give_up(lane, entry, 1, f"no event: {error!r}")
            return
        pause = _FIRST_PAUSE
        until = max(entry.time_ns, self._began) / 1e9 + self._limits.retry_for
        while True:
            problem = await self._attempt(lane.handler, lane.options, event)
            if problem is None:
                self.counts.handled[lane.of.kind] = self.counts.handled.get(lane.of.kind, 0) + 1
                return
            if isinstance(problem, Refused) or time.time() + pause > until:
                self._give_up(lane, entry, 1, str(problem), event.id)
                return
            _log.warn("an alert is sent again later", topic=lane.of.topic, kind=lane.of.kind, id=event.id, err=problem)
            lane.pausing = True
            await asyncio.sleep(pause)
            lane.pausing = False
            self.counts.retried += 1
            pause = min(2 * pause, _LAST_PAUSE)

    async def _attempt(self, handler: Handler, options: Any, event: Event) -> Unsent | Refused | None:
        seconds = handler.timeout(options)
        try:
            async with asyncio.timeout(seconds):
                await handler.handle(event, options, self._around)
        except (Unsent, Refused) as problem:
            return problem
        except TimeoutError:
            return Unsent(f"no answer within {seconds:g} s")
        except Exception as error:
            # a user's endpoint or data may fail in ways nobody thought of; the lane goes on
            return Refused(f"{type(error).__name__}: {error}")
        return None

    async def _again(self, seq: int) -> Message | None:
        """A message that was not kept; None where the log has it no more."""
        while True:
            try:
                return await self._fetch(seq)
            except BusError as error:
                _log.warn("an alert event cannot be read again yet", seq=seq, err=error)
                await asyncio.sleep(_BUS_PAUSE)

    def _overflow(self, lane: Lane) -> None:
        """Give up on the oldest that is not being handled."""
        entry = lane.entries[1]
        del lane.entries[1]
        self._give_up(lane, entry, entry.end - entry.next, "too many wait for this handler")
        entry.next = entry.end
        self._remove(lane, entry)

    def _give_up(self, lane: Lane, entry: Entry, count: int, reason: str, id: str = "") -> None:
        self.counts.given_up += count
        keys = {"topic": lane.of.topic, "kind": lane.of.kind, "seq": entry.seq, "events": count}
        _log.error("alert events given up on", **keys, **({"id": id} if id else {}), err=reason)

    def _remove(self, lane: Lane, entry: Entry) -> None:
        self._ledger.removed(lane.of.key, entry)
        if entry.message is not None:
            self._kept_bytes -= len(entry.message.raw)
