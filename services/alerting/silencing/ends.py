"""What is told when alerts are held back no more: how those stand that were, once; and once of an alert that it flaps.

It is put into ALERTS, so that handlers are told as of any event, by the alerting that runs the topic's handlers.
Nothing is written down of how far that is: what is left to be told is what the topics have noted as held back, whoever
begins with it, and how often.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from grammar.golang.durations import format_go_duration
from services.alerting.delivery.forward import message_of, store_what_fits
from services.alerting.delivery.looks import Looking, in_turns
from services.alerting.delivery.shards import shard_of_topic
from services.alerting.folded_log import FoldedLog
from services.alerting.silencing.applying import handler_of, pop_noted
from services.alerting.silencing.holding import Holding
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.records import Last
from services.alerting.topics.standing import as_it_stands
from services.alerting.topics.topic import FLAPPING, Topic
from services.alerting.topics.topics import Topics
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import EventsSeq
from services.process import log as logs

_log = logs.get("alerting")

_MOST_TEXT = 10_000  # characters of a message that is too large as it is


class HoldingEnds(Looking):
    """Looked at when silences, mutes or what flaps change, and when a silence or a window of a mute ends."""

    doing = "telling what was held back"

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        topics: Topics,
        holding: Holding,
        ours: Callable[[int], bool],
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """ours(shard): whether the handlers of a shard's topics are run here."""
        super().__init__(now)
        self._bus, self._log, self._topics, self._holding, self._ours = bus, log, topics, holding, ours

    async def _look(self) -> int | None:
        """Tell of what is held back no more, and of what flaps."""
        await self._log.caught_up()
        dues = [self._holding.next_change(self._now())]
        for topic in list(self._topics.by_name.values()):
            if topic.flaps:
                topic.flaps.prune(self._now())
            if not self._ours(shard_of_topic(topic.name)):
                continue
            async for id in in_turns([*topic.held, *(topic.flaps.told.keys() - topic.held.keys())]):
                why = self._holding.holds(topic, id, self._now())
                if not why or (why == FLAPPING and not topic.flaps.told.get(id)):
                    await self._try_to_tell(topic, id, flaps=bool(why))
            for scope in list(topic.held_of):
                async for id in in_turns(list(topic.held_of.get(scope, ()))):
                    if not self._holds_from(topic, id, scope):
                        await self._try_to_tell(topic, id, scope)
            if topic.flaps.told:
                dues.append(self._now() + topic.flaps.part)
        return min((due for due in dues if due is not None), default=None)

    def _holds_from(self, topic: Topic, id: str, scope: str) -> bool:
        """Whether the handlers of a scope do not get an alert at this moment."""
        return bool(self._holding.holds(topic, id, self._now(), handler_of(scope, topic.name)))

    async def _try_to_tell(self, topic: Topic, id: str, scope: str = "", flaps: bool = False) -> None:
        try:
            await self._tell(topic, id, scope, flaps)
        except BusError:
            raise
        except Exception as error:
            # anybody may publish to ALERTS: what is wrong with one alert holds up no other
            _forget(topic, id, scope)
            _log.limited("held").error("an alert cannot be told", topic=topic.name, id=id, err=repr(error))

    async def _tell(self, topic: Topic, id: str, scope: str, flaps: bool) -> None:
        stood, stands, last = topic.stood(id), as_it_stands(topic, id), topic.last(id)
        told = topic.held_of.get(scope, {}).get(id) if scope else topic.held.get(id)
        if stands is None or stood is None or (told is None and (scope or id not in topic.flaps.told)):
            _forget(topic, id, scope)
            return
        if scope and not told and not stands.level:
            _forget(topic, id, scope)  # these handlers were told that it is OK, and it is
            return
        event = replace(self._event(topic, stands, told or 0, scope, flaps), replay=_replay_of(last))
        started = EventsSeq(last.started if last is not None else 0)
        # the same from another alerting is not even stored; later it finds nothing noted any more
        noted: list[Any] = [topic.name, id, stood, told, self._holding.last_change(self._now()), scope, flaps]
        identity = hashlib.sha256(orjson.dumps(noted)).hexdigest()
        how: dict[str, Any] = {"reminds": stood, "started": started, "scope": scope, "flaps": flaps}
        messages = (message_of(one, topic.name, **how) for one in _shorter(event))
        if not await store_what_fits(self._bus, self._log, messages, identity):
            raise ValueError("it is too large")

    def _event(self, topic: Topic, stands: AlertEvent, told: int, scope: str, flaps: bool) -> AlertEvent:
        """What is told of an alert that stands so. told: the level that handlers were told last."""
        if flaps:
            # whoever was told of it must not take it for over
            changes = topic.flaps.changes(stands.id, self._now())
            within = format_go_duration(topic.flaps.window)
            text = f"flapping, {changes} changes in {within}: {stands.message}"
            return replace(stands, message=text, level=max(stands.level, told), previous=told)
        if not scope and topic.flaps.told.get(stands.id):
            return replace(stands, message=f"steady again: {stands.message}", previous=told)
        return replace(stands, previous=told)


def _shorter(event: AlertEvent) -> Iterator[AlertEvent]:
    """An event, and what is left of it where that is too large."""
    bare = replace(event, fields={}, tags={})
    yield from (event, bare, replace(bare, given_details="", message=bare.message[:_MOST_TEXT]))


def _forget(topic: Topic, id: str, scope: str) -> None:
    if scope:
        pop_noted(topic, scope, id)
    else:
        topic.held.pop(id, None)
        topic.flaps.told.pop(id, None)


def _replay_of(last: Last | None) -> str:
    """The replay that an event comes from, "" for none."""
    if last is None:
        return ""
    replay, _, task = last.owner.partition(":")
    return replay if task == last.event.task else ""
