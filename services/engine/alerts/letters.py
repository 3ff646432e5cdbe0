"""What alerts and inhibitions are on the bus: messages, where they go, and which of them must keep their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.bus.subjects import alert_subject, inhibition_subject
from services.engine.alerts import inhibition
from services.engine.alerts.inhibition import owner_of
from services.engine.alerts.split import messages_of
from services.engine.effects import Alerts, Inhibition

Addressed = tuple[str, str, bytes]
"""Lane of the outbox, subject, message."""


def letters(effect: Alerts | Inhibition, started: int, replay: str, limit: int) -> Iterator[Addressed]:
    """The messages of an effect, of at most `limit` bytes. started, replay: of the run that it is of.

    What one node of a task inhibits of another is before that on the bus: both go one way.
    """
    owner = owner_of(effect.task, replay)
    if isinstance(effect, Inhibition):
        for data in inhibition.encode(effect, started, replay, limit):
            yield f"{owner}/inhibits", inhibition_subject(owner), data
        return
    mine = replace(effect, replay=replay) if replay else effect
    for topic in effect.topics:
        lane = f"{owner}/inhibits" if effect.category else f"{owner}/{effect.node}/{topic}"
        for data in messages_of(mine, topic, started, limit):
            yield lane, alert_subject(topic), data
