"""What is told when a silence is over: how those alerts stand that it has held back, once.

It is put into ALERTS, so that handlers are told as of any event, by the alerting that runs the topic's handlers.
Nothing is written down of how far that is: what is left to be told is what the topics have noted as silenced, whoever
begins with it, and how often.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import orjson

from services.alerting.delivery.forward import message_of
from services.alerting.delivery.looks import Pacing
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.folded_log import FoldedLog
from services.alerting.silencing.silences import Silences, labels_in
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.topics import Topic, Topics
from services.alertlog.codec import encode
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.positions import EventsSeq
from services.bus.subjects import alert_subject
from services.process import log as logs

_log = logs.get("alerting")

_LONGEST = 5.0  # seconds until it is looked again: topics may have come to this alerting meanwhile
_PAUSE = 0.2
_MOST_TEXT = 10_000  # characters of a message that is too large as it is
_SLICE = 500  # alerts that are looked at before others have their turn


class SilenceEnds:
    """Looks when silences end or change, and once in a while."""

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        silences: Silences,
        ours: Callable[[int], bool],
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """ours(shard): whether the handlers of a shard's topics are run here. now(): ns since 1970."""
        self._bus, self._log, self._topics, self._silences = bus, log, topics, silences
        self._ours, self._now = ours, now
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """A silence is other than it was."""
        self._changed.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._changed.clear()
            pacing = Pacing()
            try:
                await self._log.caught_up()
                async for topic, id in self._due():
                    await self._try_to_tell(topic, id)
            except BusError as error:
                _log.limited("silences").warn("what silences have held back cannot be told yet", err=error)
                await asyncio.sleep(_PAUSE)
            await pacing.rest()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._changed.wait()

    def _pause(self) -> float:
        now = self._now()
        end = self._silences.next_end(now)
        return _LONGEST if end is None else min(_LONGEST, (end - now) / 1e9)

    async def _due(self) -> AsyncIterator[tuple[Topic, str]]:
        """What is silenced no more."""
        for topic in list(self._topics.by_name.values()):
            if topic.silenced and self._ours(shard_of_topic(topic.name)):
                for number, id in enumerate(list(topic.silenced)):
                    if number % _SLICE == _SLICE - 1:
                        await asyncio.sleep(0)
                    if not self._silences.of(labels_in(topic, id), self._now()):
                        yield topic, id

    async def _try_to_tell(self, topic: Topic, id: str) -> None:
        try:
            await self._tell(topic, id)
        except BusError:
            raise
        except Exception as error:
            # anybody may publish to ALERTS: what is wrong with one alert holds up no other
            topic.silenced.pop(id, None)
            _log.limited("silenced").error("an alert cannot be told", topic=topic.name, id=id, err=repr(error))

    async def _tell(self, topic: Topic, id: str) -> None:
        stood, state, last = topic.stood(id), topic.state(id), topic.last(id)
        if stood is None or state is None or id not in topic.silenced:
            topic.silenced.pop(id, None)
            return
        before = last.event if last is not None else None
        replay, _, task = last.owner.partition(":") if last is not None else ("", "", "")
        event = AlertEvent(
            topic=topic.name,
            task=before.task if before else topic.task,
            id=id,
            message=state.message,
            given_details=state.details,
            level=state.level,
            previous=topic.silenced[id],
            time=state.time,
            duration=state.duration,
            recoverable=before.recoverable if before else True,
            name=before.name if before else "",
            group=before.group if before else "",
            tags=before.tags if before else {},
            fields=before.fields if before else {},
            rows=None,
            server=before.server if before else ("", "", ""),
            replay=replay if before and task == before.task else "",
        )
        started = EventsSeq(last.started if last is not None else 0)
        # the same from another alerting is not even stored; later it finds nothing noted any more
        noted = [topic.name, id, stood, topic.silenced[id], self._silences.latest_end(self._now())]
        identity = hashlib.sha256(orjson.dumps(noted)).hexdigest()
        bare = replace(event, fields={}, tags={})
        for one in (event, bare, replace(bare, given_details="", message=bare.message[:_MOST_TEXT])):
            data = encode(message_of(one, topic.name, reminds=stood, started=started))
            try:
                ack = await self._bus.publish(alert_subject(topic.name), data, msg_id=identity)
            except PayloadTooLarge:
                continue
            await self._log.folded(ack.seq)
            return
        raise ValueError("it is too large")
