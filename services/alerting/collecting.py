"""The lane of a handler that makes one event of many: at the end of each interval, of all that wait.

What it makes is done when it is folded, not when it is sent: the message in ALERTS says of which events it was made,
and the fold takes these off the lane. So a service that dies in between makes nothing twice, whatever had become of
what it sent, and what still waits is put into an event at the end of the interval in which the service is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any

from services import log as logs
from services.alerting.event import Event
from services.alerting.forward import Forwarder, TooLarge, check_path
from services.alerting.handler import Collector, Refused
from services.alerting.lane import Entry, Lane

if TYPE_CHECKING:
    from services.alerting.dispatch import AlertLog, Dispatcher

_log = logs.get("alerting")

_MOST_EVENTS = 10_000  # that one is made of
_LONGEST_SLEEP = 3600.0


async def collect(lane: Lane, handler: Collector, forward: Forwarder, dispatcher: Dispatcher, log: AlertLog) -> None:
    """Make events until nothing waits."""
    await _pausing(lane, log.current())
    while lane.entries and not dispatcher.stopping:
        await _pausing(lane, _end_of_interval(lane, handler.interval(lane.options)))
        lane.full.clear()
        await _Round(lane, handler, forward, dispatcher, log).run()


async def _pausing(lane: Lane, waiting: Coroutine[Any, Any, None]) -> None:
    """Wait in a way that the service may break off when it stops."""
    lane.pausing = True
    await waiting
    lane.pausing = False


async def _end_of_interval(lane: Lane, interval: int) -> None:
    """Return at the end of the present interval, or when so much waits that it must not become more."""
    began = lane.of.began
    end = began + ((time.time_ns() - began) // interval + 1) * interval
    while not lane.full.is_set() and (left := end - time.time_ns()) > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left / 1e9, _LONGEST_SLEEP)):
                await lane.full.wait()


class _Round:
    """What becomes of the events that wait at one moment."""

    def __init__(
        self, lane: Lane, handler: Collector, forward: Forwarder, dispatcher: Dispatcher, log: AlertLog
    ) -> None:
        self._lane, self._handler, self._forward = lane, handler, forward
        self._dispatcher, self._log = dispatcher, log

    async def run(self) -> None:
        """Put all into events, as few as can be."""
        entries = list(self._lane.entries)
        events: list[Event] = []
        async for event in self._events(entries):
            events.append(event)
            if len(events) == _MOST_EVENTS:
                if not await self._make(events):
                    return
                events = []
        if not events or await self._make(events):
            self._dispatcher.advance(self._lane, (entries[-1].seq, entries[-1].end))

    async def _events(self, entries: list[Entry]) -> AsyncIterator[Event]:
        topic = self._handler.topic(self._lane.options)
        for entry in entries:
            message = await self._dispatcher.message(entry)
            if message is None:
                reason = "the log has them no more"
                self._dispatcher.give_up(self._lane, entry.seq, entry.end - entry.next, reason)
                continue
            for number in range(entry.next, entry.end):
                event = self._dispatcher.wanted(self._lane, entry, number, message)
                if event is None:
                    continue
                try:
                    check_path(event, topic)
                except Refused as problem:
                    self._dispatcher.give_up(self._lane, entry.seq, 1, str(problem), event.id)
                else:
                    yield event

    async def _make(self, events: list[Event]) -> bool:
        """Make one of them, or several where one would be too large for the bus. Whether that was all of it."""
        options = self._lane.options
        try:
            event = self._handler.combine(events, options)
            seq = await self._forward.collect(event, self._handler.topic(options), events)
        except TooLarge as problem:
            half = len(events) // 2
            if half:
                return await self._make(events[:half]) and await self._make(events[half:])
            return self._give_up(events, str(problem))
        except Exception as error:
            # events are what anybody has published
            return self._give_up(events, f"{type(error).__name__}: {error}")
        await self._log.folded(seq)
        if self._lane.next is not None and self._lane.next <= event.place:
            # one that an earlier life of this service has sent came in before it
            _log.warn("events are collected anew", topic=self._lane.of.topic, seq=seq)
            return False
        self._dispatcher.handled(self._lane, len(events))
        return True

    def _give_up(self, events: list[Event], reason: str) -> bool:
        self._dispatcher.give_up(self._lane, events[0].place[0], len(events), reason)
        return True
