"""Taking note, as events are folded, of those that a silence covers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from services.alerting.silencing.silences import Silences
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.topic import INHIBITED, NOTHING, SILENCED, Folded, Topic

_MANY = 50  # alerts in a message
_STEP_SECONDS = 0.005


def with_silenced(
    silences: Silences, topic: Topic, message: ReceivedMessage, folded: Folded, time_ns: int
) -> tuple[Folded, int]:
    """What was new in a message, with SILENCED as the level before of each event that is silenced; and how many are.

    folded: with the levels from before. time_ns: when the message was stored, by which it is judged: the same message
    is silenced again wherever it is folded, as far as the silences are known there. The topic notes what handlers were
    told last of each id that is silenced.
    """
    if not topic.silenced and not silences.any_at(time_ns):
        return folded, 0
    previous, found = bytearray(folded.previous), 0
    for at, i in enumerate(folded.events):
        if previous[at] == INHIBITED:
            continue
        id, level = message.ids[int(message.id[i])], int(message.level[i])
        if _is_silenced(silences, message, i, time_ns):
            told = topic.silenced.setdefault(id, previous[at])
            if not told and not level:
                del topic.silenced[id]
            previous[at] = SILENCED
            found += 1
        else:
            topic.silenced.pop(id, None)
    return replace(folded, previous=bytes(previous)), found


async def looked_up(silences: Silences, message: ReceivedMessage, time_ns: int) -> None:
    """Have the silences of a message's alerts found by the time that it is folded, which nothing may interrupt: with
    many silences and many alerts that takes long, and others have their turn meanwhile."""
    if len(message) < _MANY or not silences.any_at(time_ns):
        return
    until = time.monotonic() + _STEP_SECONDS
    for i in range(len(message)):
        _is_silenced(silences, message, i, time_ns)
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + _STEP_SECONDS


def told_again(topic: Topic | None, message: ReceivedMessage) -> Folded:
    """Take in that an alert is told that a silence has held back; nothing is new where it does not stand so any more,
    or was told already."""
    id = message.ids[0]
    if topic is None or id not in topic.silenced or topic.stood(id) != message.reminds:
        return NOTHING
    return Folded(range(1), bytes([topic.silenced.pop(id)]), {})


def _is_silenced(silences: Silences, message: ReceivedMessage, i: int, time_ns: int) -> bool:
    try:
        return bool(silences.of(message.labels(i), time_ns))
    except (ValueError, TypeError, LookupError, AttributeError):
        return False  # no event: delivery says so
