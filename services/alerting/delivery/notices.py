"""What every topic does without a handler: each change of an id's level is told to other programs on the bus.

It is a handler like any other (services/alerting/handlers/nats.py), of which nothing has to be defined: so it has a
queue, is run by the alerting that has the topic, and goes on where another has come to.
"""

from __future__ import annotations

from services.alerting.delivery.shards import TOPIC_HANDLER
from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.runs import BoundHandler
from services.alerting.topics.topic import HELD, Folded

KIND = "nats"

_PREFIX = f"{TOPIC_HANDLER}/0/"  # no handler that was defined has this key: sequences begin with 1
_MATCH = "changed() == TRUE"


def notice_handler(topic: str) -> BoundHandler:
    """The handler that tells of a topic."""
    return BoundHandler(_PREFIX + topic, topic, KIND, {}, _MATCH)


def topic_of(key: str) -> str | None:
    """The topic that the handler of this key tells of, None where it is another."""
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None


def changes(message: ReceivedMessage, folded: Folded) -> bool:
    """Whether the level of any id is another after a message than before: else there is nothing to tell."""
    now = message.level[folded.events[0] : folded.events[-1] + 1].tolist()
    return any(was != is_ and was < HELD for was, is_ in zip(folded.previous, now, strict=True))
