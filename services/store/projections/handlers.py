"""What handlers topics have: a fold over the events of the kind `handler`.

The shapes of the events are in schemas.events.handler. The buckets of the state:

`topics`, by topic, records of plain data:
    last       sequence of the last event that changed the topic's handlers
    handlers   what handlers it has and had, each as one event defined it, oldest first:
        id, kind, options, match
        sequence, position, began   of that event: its sequence, its position in ALERTS, its time (ns)
        ended, ended_position       of the event that changed or deleted it, 0: none yet
    Of those that have ended the last few are known, for alerts that are not handled yet.
`last`, by `<topic>/<id>`: sequence of the last event under this name, of deleted handlers too
`void`, by sequence: events that were left aside because they did not fit the state any more
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.events import handler
from services.store.projection import State
from services.store.projections.records import Record
from services.store.projections.tasks import Fact

TOPICS, LAST, VOID = "topics", "last", "void"
SUBJECTS = ("tickbus.event.handler.>",)

_KEPT = 32

_SCHEMAS: dict[str, Schema] = {what: schema() for what, schema in handler.SCHEMAS.items()}


def name_of(topic: str, id: str) -> str:
    """What a handler is called in events."""
    return f"{topic}/{id}"


def fold(state: State, fact: Fact) -> None:
    """Take one fact in. ValueError where it is no event of this kind, and nothing is changed."""
    topic, slash, id = fact.id.partition("/")
    schema = _SCHEMAS.get(fact.what) if fact.kind == "handler" else None
    if schema is None or not slash:
        raise ValueError(f"no such event: {fact.kind} {fact.id} {fact.what}")
    try:
        data = schema.load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    state.put(LAST, fact.id, fact.seq)
    known = all_of(state, topic)
    handlers = _FOLDS[fact.what](known, id, fact, data)
    if handlers is known:
        state.put(VOID, str(fact.seq), True)
    else:
        state.put(TOPICS, topic, {"last": fact.seq, "handlers": _forgetful(handlers)})


def handler_of(state: State, topic: str, id: str) -> Record | None:
    """The record of a handler that there is, None where there is none."""
    return _live(all_of(state, topic), id)


def handlers_of(state: State, topic: str) -> list[Record]:
    """The handlers that a topic has, by id in the order of the ids' bytes."""
    return sorted((h for h in all_of(state, topic) if not h["ended"]), key=lambda h: h["id"].encode())


def all_of(state: State, topic: str) -> list[Record]:
    """The handlers that a topic has and had, as far as they are known."""
    found: list[Record] = (state.get(TOPICS, topic) or {"handlers": []})["handlers"]
    return found


def _defined(known: list[Record], id: str, fact: Fact, data: Record) -> list[Record]:
    return known if _live(known, id) else [*known, _new(id, fact, data)]


def _updated(known: list[Record], id: str, fact: Fact, data: Record) -> list[Record]:
    was = data.get("was", id)
    old = _live(known, was)
    if old is None:
        return known
    if was != id and (_live(known, id) or old["sequence"] != data.get("was_sequence")):
        return known
    return [*_ended(known, old, fact, data), _new(id, fact, data)]


def _deleted(known: list[Record], id: str, fact: Fact, data: Record) -> list[Record]:
    old = _live(known, id)
    return known if old is None else _ended(known, old, fact, data)


def _new(id: str, fact: Fact, data: Record) -> Record:
    shape = {key: data[key] for key in ("kind", "options", "match", "position")}
    return {"id": id, **shape, "sequence": fact.seq, "began": fact.time_ns, "ended": 0, "ended_position": 0}


def _live(known: list[Record], id: str) -> Record | None:
    return next((h for h in known if h["id"] == id and not h["ended"]), None)


def _ended(known: list[Record], old: Record, fact: Fact, data: Record) -> list[Record]:
    gone = old | {"ended": fact.seq, "ended_position": data["position"]}
    return [gone if h is old else h for h in known]


def _forgetful(handlers: list[Record]) -> list[Record]:
    """Without those that ended first, where many have."""
    ended = sorted(h["ended"] for h in handlers if h["ended"])
    least = ended[-_KEPT] if len(ended) > _KEPT else 0
    return [h for h in handlers if not h["ended"] or h["ended"] >= least]


_FOLDS: Mapping[str, Callable[[list[Record], str, Fact, Any], list[Record]]] = {
    "defined": _defined,
    "updated": _updated,
    "deleted": _deleted,
}
"""By the event's `what`: the topic's handlers after it, the same list where it does not fit them."""
