"""The streams: what they are called, what they hold, and making them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from services.bus import headers as wire
from services.bus import subjects
from services.bus.errors import ApiError, BusTimeout, BusUnavailable, NobodyThere
from services.bus.follow import Message
from services.bus.link import API_TIMEOUT, Link
from services.bus.times import to_nanoseconds

WRITES = "WRITES"
EVENTS = "EVENTS"
ALERTS = "ALERTS"

DUPLICATE_WINDOW_SECONDS = 120.0

CREATED = "tickbus-created"
"""The metadata of a stream that was restored from a backup: when the one that was backed up was made."""

_NAME_IN_USE = 10058
_STREAM_OF = (("tickbus.write.", WRITES), ("tickbus.event.", EVENTS), ("tickbus.alert.", ALERTS))


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a stream keeps; the oldest messages go first. 0 is no limit.

    max_age: seconds. max_bytes: bytes on disk. replicas: on how many servers of a cluster it lies.
    """

    max_age: float = 0.0
    max_bytes: int = 0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds now.

    created: when it was made, as the server writes it; a stream that was deleted and made anew has another, so that
    a position kept elsewhere can be told to belong to this stream.
    """

    first_seq: int
    last_seq: int
    messages: int
    bytes: int
    created: str


async def ensure_streams(
    link: Link,
    writes: StreamLimits,
    events: StreamLimits,
    alerts: StreamLimits,
) -> None:
    """Create the three streams, or bring existing ones to these limits. Any number of services may do so at once."""
    await ensure_stream(link, WRITES, [subjects.WRITES], writes)
    await ensure_stream(link, EVENTS, [subjects.EVENTS], events)
    await ensure_stream(link, ALERTS, [subjects.ALERTS], alerts)


async def ensure_stream(
    link: Link, name: str, subjects: list[str], limits: StreamLimits, extra: dict[str, Any] | None = None
) -> None:
    """Create one stream or bring it to this configuration. `extra` has further settings in JetStream's names."""
    window = DUPLICATE_WINDOW_SECONDS
    if limits.max_age:
        window = min(window, limits.max_age)
    config: dict[str, Any] = {
        "name": name,
        "subjects": subjects,
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": round(limits.max_age * 1e9),
        "max_bytes": limits.max_bytes or -1,
        "max_msgs": -1,
        "max_consumers": -1,
        "num_replicas": limits.replicas,
        "duplicate_window": round(window * 1e9),
        "allow_direct": True,
    } | (extra or {})
    try:
        await link.api(f"STREAM.CREATE.{name}", config)
    except ApiError as error:
        if error.err_code != _NAME_IN_USE:
            raise
        answer = await link.api(f"STREAM.INFO.{name}")
        metadata = answer["config"].get("metadata")
        await link.api(f"STREAM.UPDATE.{name}", config | ({"metadata": metadata} if metadata else {}))


async def stream_state(link: Link, stream: str) -> StreamState:
    """What a stream holds. ApiError with code 404 where it does not exist."""
    answer = await link.api(f"STREAM.INFO.{stream}")
    state = answer["state"]
    created = created_of(answer)
    return StreamState(state["first_seq"], state["last_seq"], state["messages"], state["bytes"], created)


def created_of(info: dict[str, Any]) -> str:
    """When a stream was first made, by what the server tells of it: restoring a backup does not make it another."""
    created: str = (info["config"].get("metadata") or {}).get(CREATED) or info["created"]
    return created


async def last_message(link: Link, subject: str, stream: str | None = None) -> Message | None:
    """The last message of one subject, None where there is none. The stream is found by the subject unless named."""
    return await _direct(link, f"{stream or stream_of(subject)}.{subject}", b"")


async def get_message(link: Link, stream: str, seq: int) -> Message | None:
    """The message with this sequence number, None where the stream has it not (any more)."""
    return await _direct(link, stream, orjson.dumps({"seq": seq}))


def stream_of(subject: str) -> str:
    """Which stream holds a subject. ValueError where none does."""
    for prefix, stream in _STREAM_OF:
        if subject.startswith(prefix):
            return stream
    raise ValueError(f"no stream holds {subject!r}")


async def _direct(link: Link, what: str, body: bytes) -> Message | None:
    try:
        reply = await link.start(f"$JS.API.DIRECT.GET.{what}", body, API_TIMEOUT)
    except (NobodyThere, BusTimeout) as error:
        raise BusUnavailable(f"JetStream did not answer for {what.partition('.')[0]}") from error
    status = wire.status(reply.headers)
    if status == 404:
        return None
    headers = wire.decode(reply.headers)
    if status or headers is None:
        raise ApiError(status or 500, 0, wire.status_text(reply.headers) or "not a stored message")
    own = {key: value for key, value in headers.items() if key not in _DIRECT_HEADERS}
    time_ns = to_nanoseconds(headers.get("Nats-Time-Stamp", "1970-01-01T00:00:00Z"))
    return Message(int(headers["Nats-Sequence"]), headers["Nats-Subject"], reply.data, own or None, time_ns)


_DIRECT_HEADERS = frozenset({"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending"})
