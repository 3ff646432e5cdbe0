"""The streams: what they are called, what they hold, and making them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson

from grammar.golang.times import parse_rfc3339
from services.bus.errors import ApiError, BusTimeout, BusUnavailable, NobodyThere
from services.bus.follow import StoredMessage
from services.bus.transport import headers as wire
from services.bus.transport.link import API_TIMEOUT, Link

WRITES = "WRITES"
EVENTS = "EVENTS"
ALERTS = "ALERTS"
NOTICES = "NOTICES"

DUPLICATE_WINDOW_SECONDS = 120.0

CREATED = "tickbus-created"
"""The metadata of a stream that was restored from a backup: when the one that was backed up was made."""

_LOOKS, _LOOK_PAUSE = 5, 0.2
_NO_MESSAGE = frozenset({10037, 10043, 10057})  # there is none; nor such a sequence; nor could it be deleted
_STREAM_OF = (
    ("tickbus.write.", WRITES),
    ("tickbus.event.", EVENTS),
    ("tickbus.alert.", ALERTS),
    ("tickbus.alerts.", NOTICES),
)


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


async def went_back(link: Link, stream: str, created: str, seq: int, time_ns: int = 0) -> bool:
    """Whether a stream is not the one that held a message any more.

    created: when it was made, as StreamState has it. seq, time_ns: of the message, whose time 0 stands for any.
    """
    for _ in range(_LOOKS):
        state = await stream_state(link, stream)
        if state.created != created:
            return True
        if state.last_seq >= seq:
            break
        # what has just been elected to lead a cluster's stream may not have come to its end yet
        await asyncio.sleep(_LOOK_PAUSE)
    else:
        return True
    if not (seq and time_ns):
        return False
    # cut off and grown again: it has another message there
    there = await get_message(link, stream, seq)
    return there is not None and there.time_ns != time_ns


async def last_message(link: Link, subject: str, stream: str | None = None) -> StoredMessage | None:
    """The last message of one subject, None where there is none. The stream is found by the subject unless named."""
    return await _direct(link, f"{stream or stream_of(subject)}.{subject}", b"")


async def last_subject_sequence(link: Link, subject: str) -> int:
    """The last sequence of a subject (wildcards allowed), 0 where it has no message.

    The server that leads the stream says so: another of a cluster may not have what was just acknowledged.
    """
    try:
        answer = await link.api(f"STREAM.MSG.GET.{stream_of(subject)}", {"last_by_subj": subject})
    except ApiError as error:
        if error.err_code in _NO_MESSAGE:
            return 0
        raise
    seq: int = answer["message"]["seq"]
    return seq


async def get_message(link: Link, stream: str, seq: int) -> StoredMessage | None:
    """The message with this sequence number, None where the stream has it not (any more)."""
    return await _direct(link, stream, orjson.dumps({"seq": seq}))


async def first_message(link: Link, stream: str, seq: int) -> StoredMessage | None:
    """The first message with this sequence number or a later one, None where the stream has none."""
    return await _direct(link, stream, orjson.dumps({"seq": seq, "next_by_subj": ">"}))


async def purge(link: Link, stream: str, subject: str, through: int) -> int:
    """Delete what a stream holds of a subject (wildcards allowed) up to a sequence; how many messages that were."""
    answer = await link.api(f"STREAM.PURGE.{stream}", {"filter": subject, "seq": through + 1})
    purged: int = answer.get("purged", 0)
    return purged


async def delete_message(link: Link, stream: str, seq: int) -> None:
    """Delete one message; one that is not there (any more) is no error."""
    try:
        await link.api(f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True})
    except ApiError as error:
        if error.err_code not in _NO_MESSAGE:
            raise


async def subjects_of(link: Link, stream: str, filter: str) -> dict[str, int]:
    """The subjects (wildcards allowed) of which a stream holds messages, and of each how many."""
    found: dict[str, int] = {}
    while True:
        answer = await link.api(f"STREAM.INFO.{stream}", {"subjects_filter": filter, "offset": len(found)})
        page = answer["state"].get("subjects") or {}
        found |= page
        if not page or len(found) >= answer.get("total", 0):
            return found


def stream_of(subject: str) -> str:
    """Which stream holds a subject. ValueError where none does."""
    for prefix, stream in _STREAM_OF:
        if subject.startswith(prefix):
            return stream
    raise ValueError(f"no stream holds {subject!r}")


async def _direct(link: Link, what: str, body: bytes) -> StoredMessage | None:
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
    time_ns = parse_rfc3339(headers.get("Nats-Time-Stamp", "1970-01-01T00:00:00Z"))
    subject = link.names.subject_in(headers["Nats-Subject"])
    return StoredMessage(int(headers["Nats-Sequence"]), subject, reply.data, own or None, time_ns)


_DIRECT_HEADERS = frozenset({"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending"})
