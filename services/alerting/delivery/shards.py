"""How handlers are spread over alertings: by their topics, which fall into a fixed number of shards."""

from __future__ import annotations

from services.alerting.topics.topic import own_topic
from services.bus.leases.shards import shard_of

SHARDS = 16
"""Fixed for ever, since leases and progress are kept by shard."""

TOPIC_HANDLER = "topic"
"""What keys of handlers begin with that are no run's."""


def shard_of_topic(topic: str) -> int:
    """The shard that a topic falls into."""
    return shard_of(topic, SHARDS)


def shard_of_key(key: str) -> int:
    """The shard of the topic of a handler, by its key (services.alerting.topics.runs.BoundHandler). ValueError: it is
    none."""
    first, _, rest = key.partition("/")
    rest = rest.partition("/")[2]
    if first == TOPIC_HANDLER:
        return shard_of_topic(rest)
    node, slash, owner = rest.partition("/")
    if not slash:
        raise ValueError(f"not a handler's key: {key!r}")
    return shard_of_topic(own_topic(owner, node))
