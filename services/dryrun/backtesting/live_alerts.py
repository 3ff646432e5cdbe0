"""What a live task did: its alert events as they lie in ALERTS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import orjson

from services.alertlog.codec import AlertMessage, decode
from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import place_at
from services.bus.reading.stretches import read_subjects
from services.bus.streams import ALERTS
from services.bus.subjects import parse_alert_subject
from services.dryrun.backtesting.raised import RaisedEvent, raised

_SUBJECTS = "tickbus.alert.*"  # of topics; what inhibits is below them
_EARLY = 60 * 10**9  # ns by which the clocks of those that stamp messages may differ


@dataclass(frozen=True, slots=True)
class Caused:
    """Alerts of the time that is asked about: those that writes behind one place and up to another have caused, or
    ticks after one time (ns) and up to another."""

    after: WritesSeq
    until: WritesSeq
    begin: int
    end: int

    def has(self, cause: tuple[int, int, int]) -> bool:
        """Whether it is one of them; cause: as of RaisedEvent."""
        return self.after < cause[0] <= self.until if cause[0] >= 0 else self.begin < -cause[0] <= self.end


async def live_alerts(bus: Bus, task: str, caused: Caused, epochs: Epochs) -> AsyncGenerator[RaisedEvent, None]:
    """The events of a task that were caused then, each once, whatever topics it went to. Raises BusError.

    Those of replays and those that topics have passed on to others are left out. Messages that are no alerts are
    passed over.
    """
    numbered = epochs.numbered(np.array([caused.after, caused.until], dtype=np.int64)).tolist()
    within = Caused(WritesSeq(numbered[0]), WritesSeq(numbered[1]), caused.begin, caused.end)
    seen: set[tuple[str, tuple[int, int, int]]] = set()
    after = await place_at(bus, ALERTS, caused.begin - _EARLY)
    async with aclosing(_messages(bus, task, after)) as messages:
        async for message in messages:
            for event in raised(message, message.id, message.message):
                if within.has(event.cause) and (event.node, event.cause) not in seen:
                    seen.add((event.node, event.cause))
                    yield event


async def _messages(bus: Bus, task: str, after: int) -> AsyncGenerator[AlertMessage, None]:
    # whose it is stands at the beginning (services.alertlog.codec): others are not decoded
    begins = b'{"task":' + orjson.dumps(task) + b","
    until = await bus.last_sequence(ALERTS)
    async with aclosing(read_subjects(bus, ALERTS, [_SUBJECTS], after, until)) as reading:
        async for some in reading:
            for stored in some:
                if stored.data.startswith(begins):
                    for message in _decoded(stored.data, stored.subject):
                        if message.task == task and message.via is None and not message.replay:
                            yield message
                    await asyncio.sleep(0)


def _decoded(data: bytes, subject: str) -> Iterator[AlertMessage]:
    try:
        yield decode(data, parse_alert_subject(subject))
    except ValueError:
        return
