"""Everything that tickbus keeps on a NATS, with what is wanted of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.bus import subjects
from services.bus.account.shapes import Shape, bucket_shape, objects_shape, stream_shape
from services.bus.streams import ALERTS, EVENTS, NOTICES, WRITES, StreamLimits

DEAD = "DEAD"

CLAIM_SECONDS = 4.0
"""How long a claim that nobody renews is one; see services.bus.leases.claims."""

_DEAD_AGE, _DEAD_BYTES = 30 * 86400.0, 64 << 20

# The name of each bucket, and when what is in it expires (s), 0: never.
_BUCKETS = {
    "alerting-leases": 0.0,
    "alertings": 0.0,
    "cluster": 0.0,
    "deliveries": 0.0,
    "gateways": 600.0,
    "history": 0.0,
    "leases": 0.0,
    "positions": 0.0,
    "subscriptions": 0.0,
    "suspects": 0.0,
    "tickbus-alerting": 0.0,
    "tickbus-gateway": CLAIM_SECONDS,
    "tickbus-load": CLAIM_SECONDS,
    "tickbus-recorder": CLAIM_SECONDS,
    "tickbus-scrapes": CLAIM_SECONDS,
    "workers": 0.0,
}
_OBJECT_STORES = ("handovers", "history", "levels", "states", "tickbus-recordings", "tickbus-results")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the streams are to keep, and on how many servers of a cluster all that is kept lies."""

    writes: StreamLimits = field(default_factory=StreamLimits)
    alerts: StreamLimits = field(default_factory=StreamLimits)
    notices: StreamLimits = field(default_factory=StreamLimits)
    replicas: int = 1


DEFAULT_WISHES = Wishes()


def kept(wishes: Wishes) -> list[Shape]:
    """The shapes of all streams, then buckets, then object stores."""
    replicas = wishes.replicas
    return [
        *main_streams(wishes),
        notices_shape(wishes.notices),
        dead_shape(replicas),
        *(bucket_shape(name, ttl, replicas) for name, ttl in _BUCKETS.items()),
        *(objects_shape(name, replicas) for name in _OBJECT_STORES),
    ]


def kept_bucket(name: str, replicas: int) -> Shape:
    """The shape of a bucket. ValueError for one that is not among `kept`, which no user would be permitted."""
    if name not in _BUCKETS:
        raise ValueError(f"not a bucket that tickbus keeps: {name!r}")
    return bucket_shape(name, _BUCKETS[name], replicas)


def kept_objects(name: str, replicas: int) -> Shape:
    """The shape of an object store. ValueError as in `kept_bucket`."""
    if name not in _OBJECT_STORES:
        raise ValueError(f"not an object store that tickbus keeps: {name!r}")
    return objects_shape(name, replicas)


def main_streams(wishes: Wishes) -> list[Shape]:
    """The shapes of WRITES, EVENTS and ALERTS."""
    return [
        stream_shape(WRITES, [subjects.WRITES], wishes.writes),
        stream_shape(EVENTS, [subjects.EVENTS], StreamLimits(replicas=wishes.replicas)),
        stream_shape(ALERTS, [subjects.ALERTS], wishes.alerts),
    ]


def notices_shape(limits: StreamLimits) -> Shape:
    """The shape of the stream of what other programs are told of alerts."""
    return stream_shape(NOTICES, [subjects.NOTICES], limits)


def dead_shape(replicas: int) -> Shape:
    """The shape of the stream of dead letters: of each message one letter, the last."""
    limits = StreamLimits(_DEAD_AGE, _DEAD_BYTES, replicas)
    return stream_shape(DEAD, [subjects.DEAD], limits, {"max_msgs_per_subject": 1})
