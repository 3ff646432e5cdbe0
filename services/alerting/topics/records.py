"""The texts of a state, small enough to be kept for every id: rendered, or what they are to be rendered from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grammar.gotemplate import Time
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.message import ReceivedMessage
from services.store import codec

Key = tuple[str, str, int, int, int]
"""Topic, id, level, time, duration."""


Source = tuple[bytes, int]
"""Where the texts of a state are to be found: a message, and the number of the event in it."""

_READ = 4  # messages that are kept as they were read: the ids of a topic come one after another, of few messages

_OWNER = 7  # where owner and started stand in a record


def only_texts(message: str, details: str) -> bytes:
    """The record of a state of which nothing is known but its texts."""
    return codec.pack([message, details, None])


NO_TEXTS = only_texts("", "")
"""The record of a state without texts."""


def texts(key: Key, source: Source | bytes) -> tuple[str, str]:
    """Message and details of a state, from a message or from a record of it."""
    if isinstance(source, tuple):
        event = ReceivedMessage(source[0], key[0]).event(source[1], 0, duration=key[4])
        return event.message, event.details
    message, details, rest = codec.unpack(source)
    return message, _event(key, message, rest).details if details is None else details


@dataclass(frozen=True, slots=True)
class Last:
    """The last event of an id. owner, started: of the message that it came in."""

    event: AlertEvent
    owner: str
    started: int


def last(key: Key, source: Source | bytes) -> Last | None:
    """The last event of a state, None where nothing is known of it but the state. Of a batch its data is left out."""
    record = _record(_recent.read(source[0], key[0]), source[1]) if isinstance(source, tuple) else source
    message, _, rest = codec.unpack(record)
    return None if rest is None else Last(_event(key, message, rest), *rest[_OWNER:])


def records(entries: Iterable[tuple[Key, Source | bytes]]) -> list[bytes]:
    """A record for each state. Each message is read once, whatever the number of its states."""
    read: dict[int, ReceivedMessage] = {}
    out = []
    for key, source in entries:
        if isinstance(source, tuple):
            raw, i = source
            message = read.get(id(raw))
            if message is None:
                message = read[id(raw)] = ReceivedMessage(raw, key[0])
            source = _record(message, i)
        out.append(source)
    return out


class _Recent:
    """The messages read last, so that thousands of states of one message are looked at without reading it as often."""

    def __init__(self) -> None:
        self._read: dict[int, ReceivedMessage] = {}

    def read(self, raw: bytes, topic: str) -> ReceivedMessage:
        """A message. ValueError where it is none for the topic."""
        message = self._read.pop(id(raw), None)
        if message is None or message.raw is not raw or message.topic != topic:
            message = ReceivedMessage(raw, topic)
        self._read[id(raw)] = message
        while len(self._read) > _READ:
            del self._read[next(iter(self._read))]
        return message


_recent = _Recent()


def _record(message: ReceivedMessage, i: int) -> bytes:
    try:
        event = message.event(i, 0)
        # a time among the fields is the only value here that is not plain
        fields = {k: (v.ns,) if isinstance(v, Time) else v for k, v in event.fields.items()}
        rest = [event.task, event.name, event.group, dict(event.tags), fields, list(event.server), event.recoverable]
        return codec.pack([event.message, event.given_details, [*rest, message.owner, message.started]])
    except (ValueError, TypeError, LookupError, AttributeError):
        # anybody may publish to the bus: levels and times were sound, the texts are not
        return NO_TEXTS


def _event(key: Key, message: str, rest: list[Any]) -> AlertEvent:
    topic, id, level, time, duration = key
    task, name, group, tags, fields, server, recoverable = rest[:_OWNER]
    fields = {k: Time(v[0]) if isinstance(v, tuple) else v for k, v in fields.items()}
    origin = (name, group, tags, fields, None, tuple(server))
    return AlertEvent(topic, task, id, message, None, level, 0, time, duration, recoverable, *origin)
