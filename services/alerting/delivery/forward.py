"""Events that handlers put into topics: as messages of ALERTS like those of alert nodes, with `via` beside the rest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.alerting.errors import Rejected
from services.alerting.folded_log import FoldedLog
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog import codec, fields
from services.alertlog.codec import AlertMessage, AlertStatus, Via
from services.alertlog.info import nil_as_none
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.positions import EventsSeq
from services.bus.subjects import alert_subject
from services.process import log as logs

_log = logs.get("alerting")

_PAUSE = 0.5
_NO_RUN = EventsSeq(0)


class Forwarder:
    """Puts the events of one handler into topics, and waits as long as it takes until they are stored."""

    def __init__(self, bus: Bus, handler: str) -> None:
        """handler: its key."""
        self._bus, self._handler = bus, handler

    async def publish(self, event: AlertEvent, topic: str) -> None:
        """Have an event in another topic too. Raises Rejected where it has been there, or is too large."""
        check_path(event, topic)
        await self._store(event, topic, event.place, (*event.path, event.topic), collected=False)

    async def collect(self, event: AlertEvent, topic: str, events: Sequence[AlertEvent]) -> int:
        """Put an event into a topic that is made of several; gives its sequence in ALERTS. Raises TooLarge."""
        passed = tuple(dict.fromkeys(name for one in events for name in (*one.path, one.topic)))
        return await self._store(event, topic, events[0].place, passed, collected=True)

    async def _store(
        self, event: AlertEvent, topic: str, first: tuple[int, int], path: tuple[str, ...], collected: bool
    ) -> int:
        via = Via(self._handler, first, event.previous, path, collected)
        data = codec.encode(message_of(event, topic, via))
        # the same once more within two minutes is not even stored; later it is dropped by the topic's fold
        msg_id = hashlib.sha256(data).hexdigest()
        while True:
            try:
                return (await self._bus.publish(alert_subject(topic), data, msg_id=msg_id)).seq
            except PayloadTooLarge as error:
                raise TooLarge(str(error)) from error
            except BusError as error:
                _log.limited(self._handler).warn("an event cannot be put into its topic yet", topic=topic, err=error)
                await asyncio.sleep(_PAUSE)


def check_path(event: AlertEvent, topic: str) -> None:
    """Raises Rejected where the event has been in the topic: handlers would pass it round for ever."""
    if topic == event.topic or topic in event.path:
        raise Rejected(f"the topic {topic!r} has had the event already, which came by {[*event.path, event.topic]}")


class TooLarge(Rejected):
    """The event is over what the bus takes."""


async def store_what_fits(
    bus: Bus, log: FoldedLog, messages: Iterable[AlertMessage], msg_id: str | None = None
) -> bool:
    """Store the first of these messages, each shorter than the one before, that the bus takes, and wait until it is
    folded; whether there was one. All are for one topic. Raises BusError."""
    for message in messages:
        try:
            ack = await bus.publish(alert_subject(message.topic), codec.encode(message), msg_id=msg_id)
        except PayloadTooLarge:
            continue
        await log.folded(ack.seq)
        return True
    return False


def message_of(
    event: AlertEvent,
    topic: str,
    via: Via | None = None,
    ends: AlertStatus | None = None,
    started: EventsSeq = _NO_RUN,
    reminds: AlertStatus | None = None,
    scope: str = "",
    flaps: bool = False,
) -> AlertMessage:
    """The message for one event, whose `place` is its identity."""

    def one(value: int) -> NDArray[np.int64]:
        return np.array([value], dtype=np.int64)

    return AlertMessage(
        task=event.task,
        node="",
        topic=topic,
        started=started,
        ids=[event.id],
        id=one(0),
        messages=[event.message],
        message=one(0),
        details=None if event.given_details is None else [event.given_details],
        level=one(event.level),
        time=one(event.time),
        duration=one(event.duration),
        seq=one(event.place[0]),
        row=one(event.place[1]),
        ordinal=one(0),
        recoverable=event.recoverable,
        series=[{"name": event.name, "tags": nil_as_none(event.tags), "group": event.group}],
        of=one(0),
        columns=fields.of_values(event.fields),
        data=None if event.rows is None else [list(event.rows)],
        server=event.server,
        via=via,
        ends=ends,
        reminds=reminds,
        scope=scope,
        flaps=flaps,
        replay=event.replay,
    )
