"""Taking note, as events are folded, of those that are kept from handlers: from all by a silence, by a mute or since
the alert flaps, or from some by a mute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from services.alerting.silencing.holding import Holding
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import FLAPPING, HELD, INHIBITED, MUTED, NOTHING, Folded, Topic
from services.alertlog.matchers import Labels

_MANY = 50  # alerts in a message
_STEP_SECONDS = 0.005


@dataclass(slots=True)
class Held:
    """What handlers get of what was new in a message: those of `by_handler`, by key, and all others.

    In both, a mark as of services.alerting.topics.topic stands in place of the level before for each event that they do
    not get, and for others the level that they were told last. counts: how many events, by mark; of what some handlers
    do not get, too.
    """

    folded: Folded
    by_handler: dict[str, Folded] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def of(self, handler: BoundHandler) -> Folded:
        """What a handler gets."""
        return self.by_handler.get(handler.key, self.folded)


def with_held(
    holding: Holding,
    topic: Topic,
    message: ReceivedMessage,
    folded: Folded,
    time_ns: int,
    handlers: Iterable[BoundHandler] = (),
) -> Held:
    """What was new in a message, with what is held back of it.

    folded: with the levels from before. time_ns: when the message was stored, by which it is judged: the same message
    is held back again wherever it is folded, as far as silences and mutes are known there. The topic notes what
    handlers were told last of each id that is held back. handlers: those of the topic that were defined.
    """
    settings, any_at = holding.settings(topic.name, time_ns), holding.any_at(time_ns)
    if not (topic.held or topic.held_of or topic.flaps or any_at or settings is not None):
        return Held(folded)
    previous, told, marks = bytearray(folded.previous), bytearray(folded.previous), dict[int, int]()
    for at, i in enumerate(folded.events):
        if previous[at] == INHIBITED:
            continue
        id, level = message.ids[int(message.id[i])], int(message.level[i])
        if settings is not None:
            topic.flaps.add(settings, id, level != previous[at], time_ns)
        labels = _labels(message, i) if any_at else None
        mark = holding.by_matchers(labels, time_ns) if labels is not None else 0
        mark = mark or (FLAPPING if id in topic.flaps.told else 0)
        if mark:
            told[at] = _note(topic.held, id, level, previous[at])
            previous[at] = marks[at] = mark
        else:
            previous[at] = told[at] = topic.held.pop(id, previous[at])
    held = Held(replace(folded, previous=bytes(previous)))
    for handler in handlers:
        one = _for_handler(holding, topic, message, held.folded, bytes(told), time_ns, handler, marks)
        if one is not held.folded:
            held.by_handler[handler.key] = one
    for mark in marks.values():
        held.counts[mark] = held.counts.get(mark, 0) + 1
    return held


async def looked_up(holding: Holding, message: ReceivedMessage, time_ns: int) -> None:
    """Have the silences and mutes of a message's alerts found by the time that it is folded, which nothing may
    interrupt: with many of them and many alerts that takes long, and others have their turn meanwhile."""
    if len(message) < _MANY or not holding.any_at(time_ns):
        return
    until = time.monotonic() + _STEP_SECONDS
    for i in range(len(message)):
        labels = _labels(message, i)
        if labels is not None:
            holding.by_matchers(labels, time_ns)
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + _STEP_SECONDS


def told_again(
    holding: Holding, topic: Topic | None, message: ReceivedMessage, time_ns: int, handlers: Iterable[BoundHandler]
) -> Held:
    """Take in that an alert is told that was held back, or that it flaps; nothing is new where it does not stand so any
    more, or was told already."""
    id, level = message.ids[0], int(message.level[0])
    if topic is None or topic.stood(id) is None:
        return Held(NOTHING)
    if message.flaps:
        if topic.flaps.told.get(id) is not False:
            return Held(NOTHING)
        topic.flaps.told[id] = True
        told, topic.held[id] = topic.held.get(id, 0), level
    elif topic.stood(id) != message.reminds:
        return Held(NOTHING)
    elif message.scope:
        noted = topic.held_of.get(message.scope, {})
        if id not in noted:
            return Held(NOTHING)
        one = Folded(range(1), bytes([pop_noted(topic, message.scope, id)]), {})
        return Held(NOTHING, {of.key: one for of in handlers if scope_of(of) == message.scope})
    elif id not in topic.held and id not in topic.flaps.told:
        return Held(NOTHING)
    else:
        topic.flaps.told.pop(id, None)
        told = topic.held.pop(id, 0)
    held = Held(Folded(range(1), bytes([told]), {}))
    for handler in handlers:
        before = held.folded.previous
        one = _for_handler(holding, topic, message, held.folded, before, time_ns, handler, {})
        if one is not held.folded:
            held.by_handler[handler.key] = one
    return held


def scope_of(handler: BoundHandler) -> str:
    """By what a topic notes what is held back from a handler: its options may change meanwhile."""
    return f"{handler.kind}/{handler.id}"


def handler_of(scope: str, topic: str) -> BoundHandler:
    """What mutes ask of the handlers of a scope."""
    kind, _, id = scope.partition("/")
    return BoundHandler("", topic, kind, {}, id=id)


def pop_noted(topic: Topic, scope: str, id: str, otherwise: int = 0) -> int:
    """The level that handlers of a scope were told last of an id, which is noted no more."""
    noted = topic.held_of.get(scope)
    if noted is None:
        return otherwise
    told = noted.pop(id, otherwise)
    if not noted:
        del topic.held_of[scope]
    return told


def _for_handler(
    holding: Holding,
    topic: Topic,
    message: ReceivedMessage,
    folded: Folded,
    told: bytes,
    time_ns: int,
    handler: BoundHandler,
    marks: dict[int, int],
) -> Folded:
    """What one handler gets of what all get, the same where that is all. told: the level that all were told last, of
    each event. Notes in `marks` what it does not get."""
    scope, any_at = scope_of(handler), holding.mutes.any_at(time_ns)
    noted = topic.held_of.get(scope, {})
    if not noted and not any_at:
        return folded
    previous = bytearray(folded.previous)
    for at, i in enumerate(folded.events):
        if previous[at] == INHIBITED:
            continue
        id, level = message.ids[int(message.id[i])], int(message.level[i])
        labels = _labels(message, i) if any_at else None
        if labels is not None and holding.mutes_of(labels, time_ns, handler):
            if not holding.mutes_of(labels, time_ns):
                last = topic.held_of.setdefault(scope, {}).setdefault(id, told[at])
                if not last and not level and id not in topic.held:
                    # else the level that others were told last would be taken for what these were
                    pop_noted(topic, scope, id)
                if previous[at] < HELD:
                    previous[at] = MUTED
                marks.setdefault(at, MUTED)
        elif previous[at] < HELD:
            previous[at] = pop_noted(topic, scope, id, previous[at])
    return folded if previous == folded.previous else replace(folded, previous=bytes(previous))


def _note(noted: dict[str, int], id: str, level: int, told: int) -> int:
    """Note what was told last of an id that is held back; gives it. What is OK, and was told so, needs no note."""
    last = noted.setdefault(id, told)
    if not last and not level:
        del noted[id]
    return last


def _labels(message: ReceivedMessage, i: int) -> Labels | None:
    """What matchers ask of an event; None where it is none: delivery says so."""
    try:
        return message.labels(i)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
