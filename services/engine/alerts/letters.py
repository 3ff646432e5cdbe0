"""What alerts, inhibitions and what topics take up are on the bus: messages, their subjects, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.bus.subjects import alert_subject, inhibition_subject
from services.engine.alerts import inhibition, taking_up
from services.engine.alerts.inhibition import owner_of
from services.engine.alerts.split import messages_of
from services.engine.effects import ForAlerting, Inhibition, TakeUp

Addressed = tuple[str, str, bytes]
"""Lane of the outbox, subject, message."""


def letters(effect: ForAlerting, started: int, replay: str, limit: int) -> Iterator[Addressed]:
    """The messages of an effect, of at most `limit` bytes. started, replay: of the run that it is of.

    What one node of a task inhibits of another is before that on the bus: both go one way. So do the events of a node
    to a topic, and what the topic takes up before them.
    """
    owner = owner_of(effect.task, replay)
    if isinstance(effect, Inhibition):
        for data in inhibition.encode(effect, started, replay, limit):
            yield f"{owner}/inhibits", inhibition_subject(owner), data
        return
    if isinstance(effect, TakeUp):
        for data in taking_up.encode(effect, started, limit):
            yield _lane(owner, effect.node, effect.topic, effect.category), alert_subject(effect.topic), data
        return
    mine = replace(effect, replay=replay) if replay else effect
    for topic in effect.topics:
        lane = _lane(owner, effect.node, topic, effect.category)
        for data in messages_of(mine, topic, started, limit):
            yield lane, alert_subject(topic), data


def _lane(owner: str, node: str, topic: str, category: str) -> str:
    return f"{owner}/inhibits" if category else f"{owner}/{node}/{topic}"
