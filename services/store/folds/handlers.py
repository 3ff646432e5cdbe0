"""What handlers topics have: a fold over the events of the kind `handler`.

The shapes of the events are in schemas.events.handler. The buckets of the state:

`topics`, by topic: a TopicHandlersRecord
`last`, by `<topic>/<id>`: sequence of the last event under this name, of deleted handlers too
`void`, by sequence: events that were left aside because they did not fit the state any more
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.events import handler
from services.bus.events import Event
from services.bus.positions import AlertsSeq, EventsSeq
from services.store.folds.event_data import Plain, data_of, schemas_of
from services.store.folds.state import State, Stored, flat

TOPICS, LAST, VOID = "topics", "last", "void"
SUBJECTS = ("tickbus.event.handler.>",)

_KEPT = 32
_NOT_YET = EventsSeq(0)


@dataclass(frozen=True, slots=True)
class HandlerRecord:
    """A handler that a topic has or had, as one event defined it."""

    id: str
    kind: str
    options: Mapping[str, Any] | None
    match: str
    position: AlertsSeq
    """Where ALERTS ended when the event was decided."""
    sequence: EventsSeq
    """Of that event."""
    began: int
    """Time of that event, ns since 1970."""
    ended: EventsSeq
    """The event that changed or deleted it, 0: none yet."""
    ended_position: AlertsSeq
    """Where ALERTS ended when that was decided."""

    def spec(self) -> Plain:
        """What was asked for, as the API has it."""
        return {"id": self.id, "kind": self.kind, "options": self.options, "match": self.match}


@dataclass(frozen=True, slots=True)
class TopicHandlersRecord:
    """What handlers a topic has and had, oldest first; of those that have ended the last few.

    They are for alerts that are not handled yet.
    """

    last: EventsSeq
    """The last event that changed the topic's handlers."""
    handlers: Sequence[HandlerRecord]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TopicHandlersRecord:
        """Of what a store holds."""
        return cls(plain["last"], [_HANDLER.from_plain(one) for one in plain["handlers"]])

    def to_plain(self) -> Plain:
        """For a store to hold."""
        return {"last": self.last, "handlers": [_HANDLER.to_plain(one) for one in self.handlers]}


_HANDLER = flat(HandlerRecord)
RECORDS = {TOPICS: Stored(TopicHandlersRecord.to_plain, TopicHandlersRecord.from_plain)}
"""How what is no plain data is stored, by bucket."""

_SCHEMAS = schemas_of(handler.SCHEMAS)


def name_of(topic: str, id: str) -> str:
    """What a handler is called in events."""
    return f"{topic}/{id}"


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is no event of this kind, and nothing is changed."""
    topic, slash, id = event.id.rpartition("/")
    data = data_of(event, _SCHEMAS.get(event.what) if event.kind == "handler" and slash else None)
    state.put(LAST, event.id, event.seq)
    known = all_of(state, topic)
    handlers = _FOLDS[event.what](known, id, event, data)
    if handlers is known:
        state.put(VOID, str(event.seq), True)
    else:
        state.put(TOPICS, topic, TopicHandlersRecord(event.seq, _forgetful(handlers)))


def handler_of(state: State, topic: str, id: str) -> HandlerRecord | None:
    """The record of a handler that there is, None where there is none."""
    return _live(all_of(state, topic), id)


def handlers_of(state: State, topic: str) -> list[HandlerRecord]:
    """The handlers that a topic has, by id in the order of the ids' bytes."""
    return sorted((h for h in all_of(state, topic) if not h.ended), key=lambda h: h.id.encode())


def all_of(state: State, topic: str) -> Sequence[HandlerRecord]:
    """The handlers that a topic has and had, as far as they are known."""
    record: TopicHandlersRecord | None = state.get(TOPICS, topic)
    return () if record is None else record.handlers


def _defined(known: Sequence[HandlerRecord], id: str, event: Event, data: Plain) -> Sequence[HandlerRecord]:
    return known if _live(known, id) else [*known, _new(id, event, data)]


def _updated(known: Sequence[HandlerRecord], id: str, event: Event, data: Plain) -> Sequence[HandlerRecord]:
    was = data.get("was", id)
    old = _live(known, was)
    if old is None:
        return known
    if was != id and (_live(known, id) or old.sequence != data.get("was_sequence")):
        return known
    return [*_ended(known, old, event, data), _new(id, event, data)]


def _deleted(known: Sequence[HandlerRecord], id: str, event: Event, data: Plain) -> Sequence[HandlerRecord]:
    old = _live(known, id)
    return known if old is None else _ended(known, old, event, data)


def _new(id: str, event: Event, data: Plain) -> HandlerRecord:
    shape = {key: data[key] for key in ("kind", "options", "match", "position")}
    return HandlerRecord(
        id=id, **shape, sequence=event.seq, began=event.time_ns, ended=_NOT_YET, ended_position=AlertsSeq(0)
    )


def _live(known: Sequence[HandlerRecord], id: str) -> HandlerRecord | None:
    return next((h for h in known if h.id == id and not h.ended), None)


def _ended(known: Sequence[HandlerRecord], old: HandlerRecord, event: Event, data: Plain) -> Sequence[HandlerRecord]:
    gone = replace(old, ended=event.seq, ended_position=data["position"])
    return [gone if h is old else h for h in known]


def _forgetful(handlers: Sequence[HandlerRecord]) -> Sequence[HandlerRecord]:
    """Without those that ended first, where many have."""
    ended = sorted(h.ended for h in handlers if h.ended)
    least = ended[-_KEPT] if len(ended) > _KEPT else 0
    return [h for h in handlers if not h.ended or h.ended >= least]


_FOLDS: Mapping[str, Callable[[Sequence[HandlerRecord], str, Event, Any], Sequence[HandlerRecord]]] = {
    "defined": _defined,
    "updated": _updated,
    "deleted": _deleted,
}
"""By the event's `what`: the topic's handlers after it, the same list where it does not fit them."""
