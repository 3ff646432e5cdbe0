"""Aggregation: the queue of a handler that makes one event of many, at the end of each interval of all that wait.

What it makes is done when it is folded, not when it is sent: the message in ALERTS says of which events it was made,
and the fold takes these off the queue. So a service that dies in between makes nothing twice, whatever had become of
what it sent, and what still waits is put into an event at the end of the interval in which the service is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from services.alerting.delivery.forward import Forwarder, TooLarge, check_path
from services.alerting.delivery.protocols import Queues
from services.alerting.delivery.queue import DeliveryQueue, QueueEntry
from services.alerting.errors import Rejected
from services.alerting.folded_log import FoldedLog
from services.alerting.handler_base import Aggregator
from services.alerting.topics.alert_event import AlertEvent
from services.process import log as logs

_log = logs.get("alerting")

_MOST_EVENTS = 10_000  # that one is made of
_LONGEST_SLEEP = 3600.0


async def aggregate(
    queue: DeliveryQueue, handler: Aggregator[Any], forward: Forwarder, queues: Queues, log: FoldedLog
) -> None:
    """Make events until nothing waits."""
    await _pausing(queue, log.current())
    while queue.entries and await queues.goes_on(queue):
        await _pausing(queue, _end_of_interval(queue, handler.interval(queue.options)))
        queue.full.clear()
        if not await queues.goes_on(queue):
            return
        await _Round(queue, handler, forward, queues, log).run()


async def _pausing(queue: DeliveryQueue, waiting: Coroutine[Any, Any, None]) -> None:
    """Wait in a way that the service may break off when it stops."""
    queue.pausing = True
    await waiting
    queue.pausing = False


async def _end_of_interval(queue: DeliveryQueue, interval: int) -> None:
    """Return at the end of the present interval, or when so much waits that it must not become more."""
    left = interval - (time.time_ns() - queue.of.began) % interval
    until = time.monotonic_ns() + left
    while not queue.full.is_set() and (left := until - time.monotonic_ns()) > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left / 1e9, _LONGEST_SLEEP)):
                await queue.full.wait()


class _Round:
    """What becomes of the events that wait at one moment."""

    def __init__(
        self, queue: DeliveryQueue, handler: Aggregator[Any], forward: Forwarder, queues: Queues, log: FoldedLog
    ) -> None:
        self._queue, self._handler, self._forward = queue, handler, forward
        self._queues, self._log = queues, log

    async def run(self) -> None:
        """Put all into events, as few as can be."""
        entries = list(self._queue.entries)
        events: list[AlertEvent] = []
        async for event in self._events(entries):
            events.append(event)
            if len(events) == _MOST_EVENTS:
                if not await self._make(events) or not await self._queues.goes_on(self._queue):
                    return
                events = []
        if not events or await self._make(events):
            self._queues.advance(self._queue, (entries[-1].seq, entries[-1].end))

    async def _events(self, entries: list[QueueEntry]) -> AsyncIterator[AlertEvent]:
        topic = self._handler.topic(self._queue.options)
        for entry in entries:
            message = await self._queues.message(entry)
            if message is None:
                reason = "the log has them no more"
                self._queues.dead_letter(self._queue, entry.seq, entry.end - entry.next, reason)
                continue
            for number in range(entry.next, entry.end):
                event = self._queues.wanted(self._queue, entry, number, message)
                if event is None:
                    continue
                try:
                    check_path(event, topic)
                except Rejected as problem:
                    self._queues.dead_letter(self._queue, entry.seq, 1, str(problem), event.id)
                    self._queues.collected(self._queue, [event], 0.0, str(problem))
                else:
                    yield event

    async def _make(self, events: list[AlertEvent]) -> bool:
        """Make one of them, or several where one would be too large for the bus. Whether that was all of it."""
        options, began = self._queue.options, time.monotonic()
        try:
            event = self._handler.combine(events, options)
            seq = await self._forward.collect(event, self._handler.topic(options), events)
        except TooLarge as problem:
            half = len(events) // 2
            if half:
                return await self._make(events[:half]) and await self._make(events[half:])
            return self._dead_letter(events, str(problem))
        except Exception as error:
            # events are what anybody has published
            return self._dead_letter(events, f"{type(error).__name__}: {error}")
        await self._log.folded(seq)
        if self._queue.next is not None and self._queue.next <= event.place:
            # one that an earlier life of this service has sent came in before it
            _log.warn("events are collected anew", topic=self._queue.of.topic, seq=seq)
            return False
        self._queues.handled(self._queue, len(events))
        self._queues.collected(self._queue, events, time.monotonic() - began)
        return True

    def _dead_letter(self, events: list[AlertEvent], reason: str) -> bool:
        self._queues.dead_letter(self._queue, events[0].place[0], len(events), reason)
        self._queues.collected(self._queue, events, 0.0, reason)
        return True
