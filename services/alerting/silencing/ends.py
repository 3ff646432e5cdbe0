"""What is told when a silence is over: how those alerts stand that it has held back, once.

It is put into ALERTS, so that handlers are told as of any event, by the alerting that runs the topic's handlers.
Nothing is written down of how far that is: what is left to be told is what the topics have noted as silenced, whoever
begins with it, and how often.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

import orjson

from services.alerting.delivery.forward import message_of, store_what_fits
from services.alerting.delivery.looks import Looking, in_turns
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.folded_log import FoldedLog
from services.alerting.silencing.silences import Silences, labels_in
from services.alerting.topics.records import Last
from services.alerting.topics.standing import as_it_stands
from services.alerting.topics.topic import Topic
from services.alerting.topics.topics import Topics
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.process import log as logs

_log = logs.get("alerting")

_MOST_TEXT = 10_000  # characters of a message that is too large as it is


class SilenceEnds(Looking):
    """Looked at when silences change, and when one ends."""

    doing = "telling what silences have held back"

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        silences: Silences,
        ours: Callable[[int], bool],
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """ours(shard): whether the handlers of a shard's topics are run here."""
        super().__init__(now)
        self._bus, self._log, self._topics, self._silences, self._ours = bus, log, topics, silences, ours

    async def _look(self) -> int | None:
        """Tell of what is silenced no more."""
        await self._log.caught_up()
        for topic in list(self._topics.by_name.values()):
            if topic.silenced and self._ours(shard_of_topic(topic.name)):
                async for id in in_turns(list(topic.silenced)):
                    if not self._silences.of(labels_in(topic, id), self._now()):
                        await self._try_to_tell(topic, id)
        return self._silences.next_end(self._now())

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
        stood, stands, last = topic.stood(id), as_it_stands(topic, id), topic.last(id)
        if stands is None or id not in topic.silenced:
            topic.silenced.pop(id, None)
            return
        event = replace(stands, previous=topic.silenced[id], replay=_replay_of(last))
        started = EventsSeq(last.started if last is not None else 0)
        # the same from another alerting is not even stored; later it finds nothing noted any more
        noted = [topic.name, id, stood, topic.silenced[id], self._silences.latest_end(self._now())]
        identity = hashlib.sha256(orjson.dumps(noted)).hexdigest()
        bare = replace(event, fields={}, tags={})
        events = event, bare, replace(bare, given_details="", message=bare.message[:_MOST_TEXT])
        messages = (message_of(one, topic.name, reminds=stood, started=started) for one in events)
        if not await store_what_fits(self._bus, self._log, messages, identity):
            raise ValueError("it is too large")


def _replay_of(last: Last | None) -> str:
    """The replay that an event comes from, "" for none."""
    if last is None:
        return ""
    replay, _, task = last.owner.partition(":")
    return replay if task == last.event.task else ""
