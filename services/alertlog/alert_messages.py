"""What alerts, inhibitions and what topics take up are on the bus: messages, their subjects, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.alertlog import inhibition, taking_up
from services.alertlog.inhibition import owner_of
from services.alertlog.split import messages_of
from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, PartOf
from services.bus.subjects import alert_subject, inhibition_subject
from services.runtime.effects import Alerts, ForAlerting, Inhibition, TakeUp

Addressed = tuple[str, str, bytes]
"""Ordering key of the outbox, subject, message."""


def alert_messages(
    effect: ForAlerting,
    started: EventsSeq,
    replay: str,
    limit: int,
    epochs: Epochs | None = None,
    part: PartOf | None = None,
) -> Iterator[Addressed]:
    """The messages of an effect, of at most `limit` bytes. started, replay, part: of the run that it is of.

    epochs: of the log that caused it; what is on the bus is numbered over all of them.

    What one node of a task inhibits of another is before that on the bus: both go one way. So do the events of a node
    to a topic, and what the topic takes up before them.
    """
    owner = owner_of(effect.task, replay)
    if epochs is not None and not isinstance(effect, Alerts):
        numbered = epochs.numbered(effect.event_ids.seq)
        effect = replace(effect, event_ids=replace(effect.event_ids, seq=numbered))
    if part is not None and not isinstance(effect, Inhibition):
        effect = replace(effect, part=part)
    if isinstance(effect, Inhibition):
        for data in inhibition.encode(effect, started, replay, limit):
            yield f"{owner}/inhibits", inhibition_subject(owner), data
        return
    if isinstance(effect, TakeUp):
        for data in taking_up.encode(effect, started, limit):
            yield (
                _ordering_key(owner, effect.node, effect.topic, effect.category, part),
                alert_subject(effect.topic),
                data,
            )
        return
    mine = replace(effect, replay=replay) if replay else effect
    for topic in effect.topics:
        ordering_key = _ordering_key(owner, effect.node, topic, effect.category, part)
        for data in messages_of(mine, topic, started, limit, epochs):
            yield ordering_key, alert_subject(topic), data


def _ordering_key(owner: str, node: str, topic: str, category: str, part: PartOf | None) -> str:
    mine = "" if part is None else f"/{part[1]}"
    return f"{owner}/inhibits" if category else f"{owner}/{node}/{topic}{mine}"
