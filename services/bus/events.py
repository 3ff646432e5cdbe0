"""Events about resources, as CloudEvents 1.0 in their NATS binding (binary mode: attributes in ce-* headers)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import orjson

from grammar.golang.times import format_rfc3339_padded, parse_rfc3339
from services.bus import subjects
from services.bus.follow import StoredMessage
from services.bus.positions import EventsSeq

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"

_UNPUBLISHED = EventsSeq(0)


@dataclass(frozen=True, slots=True)
class Event:
    """`what` happened to the resource `id` of this `kind`.

    data: JSON values. time_ns: when it happened, ns since 1970. seq: its place in the stream, 0 before it was
    published. event_id: unique to the event; used as the message id it is stored once. source: who says so.
    user, via: who asked for it, and over what; "" where nobody did.
    """

    kind: str
    id: str
    what: str
    data: dict[str, Any]
    time_ns: int
    seq: EventsSeq = _UNPUBLISHED
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    source: str = "tickbus"
    user: str = ""
    via: str = ""

    @property
    def subject(self) -> str:
        """Where on the bus it belongs."""
        return subjects.event_subject(self.kind, self.id, self.what)


def encode(event: Event) -> tuple[dict[str, str], bytes]:
    """Headers and data of an event. TypeError where data is not JSON."""
    headers = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": _value(event.event_id),
        "ce-source": _value(event.source),
        "ce-type": _value(f"tickbus.{event.kind}.{event.what}"),
        "ce-time": format_rfc3339_padded(event.time_ns),
        "ce-subject": _value(event.id),
        "content-type": CONTENT_TYPE,
    }
    # the extension for who was authenticated, and one of ours
    if event.via:
        headers |= {"ce-authtype": "user" if event.user else "unauthenticated", "ce-tickbusvia": _value(event.via)}
    if event.user:
        headers["ce-authid"] = _value(event.user)
    return headers, orjson.dumps(event.data)


def decode(message: StoredMessage) -> Event:
    """The event in a message of EVENTS. ValueError where it is none."""
    headers = {key.lower(): value for key, value in (message.headers or {}).items()}
    if headers.get("ce-specversion") != SPEC_VERSION:
        raise ValueError(f"{message.subject} #{message.seq}: not a CloudEvent {SPEC_VERSION}")
    kind, id, what = subjects.parse_event_subject(message.subject)
    try:
        event_id, source, type_ = (unquote(headers[name]) for name in ("ce-id", "ce-source", "ce-type"))
        time_ns = parse_rfc3339(headers["ce-time"]) if "ce-time" in headers else message.time_ns
        data = orjson.loads(message.data) if message.data else {}
    except (KeyError, ValueError) as error:
        raise ValueError(f"{message.subject} #{message.seq}: not a whole CloudEvent: {error}") from error
    if type_ != f"tickbus.{kind}.{what}":
        raise ValueError(f"{message.subject} #{message.seq}: type {type_!r} does not belong to this subject")
    if not isinstance(data, dict):
        raise ValueError(f"{message.subject} #{message.seq}: data is no JSON object")
    user, via = (unquote(headers.get(name, "")) for name in ("ce-authid", "ce-tickbusvia"))
    return Event(kind, id, what, data, time_ns, EventsSeq(message.seq), event_id, source, user, via)


def _value(text: str) -> str:
    """A header value: what is not printable ASCII, and `"` and `%`, percent-encoded as the binding asks."""
    return quote(text, safe="".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%'))
