"""Events that handlers put into topics: as messages of ALERTS like those of alert nodes, with `via` beside the rest."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from grammar.gotemplate import Time
from services import log as logs
from services.alerting.event import Event
from services.alerting.handler import Refused
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.subjects import alert_subject
from services.engine.alerts.info import nil_as_none
from services.engine.column import Kind, kind_of
from services.engine.result import rfc3339

_log = logs.get("alerting")

_PAUSE = 0.5


class Forwarder:
    """Puts the events of one handler into topics, and waits as long as it takes until they are stored."""

    def __init__(self, bus: Bus, handler: str) -> None:
        """handler: its key."""
        self._bus, self._handler = bus, handler

    async def publish(self, event: Event, topic: str) -> None:
        """Have an event in another topic too. Raises Refused where it has been there, or is too large."""
        check_path(event, topic)
        await self._store(event, topic, event.place, (*event.path, event.topic), collected=False)

    async def collect(self, event: Event, topic: str, events: Sequence[Event]) -> int:
        """Put an event into a topic that is made of several; gives its sequence in ALERTS. Raises TooLarge."""
        passed = tuple(dict.fromkeys(name for one in events for name in (*one.path, one.topic)))
        return await self._store(event, topic, events[0].place, passed, collected=True)

    async def _store(
        self, event: Event, topic: str, first: tuple[int, int], path: tuple[str, ...], collected: bool
    ) -> int:
        via = {
            "handler": self._handler,
            "first": first,
            "previous": event.previous,
            "path": path,
            "collected": collected,
        }
        data = encode(event, topic, {"via": via})
        # the same once more within two minutes is not even stored; later it is dropped by the topic's fold
        msg_id = hashlib.sha256(data).hexdigest()
        while True:
            try:
                return (await self._bus.publish(alert_subject(topic), data, msg_id=msg_id)).seq
            except PayloadTooLarge as error:
                raise TooLarge(str(error)) from error
            except BusError as error:
                _log.limited(self._handler).warn("an event cannot be put into its topic yet", topic=topic, err=error)
                await asyncio.sleep(_PAUSE)


def check_path(event: Event, topic: str) -> None:
    """Raises Refused where the event has been in the topic: handlers would pass it round for ever."""
    if topic == event.topic or topic in event.path:
        raise Refused(f"the topic {topic!r} has had the event already, which came by {[*event.path, event.topic]}")


class TooLarge(Refused):
    """The event is over what the bus takes."""


def encode(event: Event, topic: str, more: Mapping[str, Any]) -> bytes:
    """The message for one event, whose `place` is its identity. more: what stands in it besides."""
    body = {
        "task": event.task,
        "node": "",
        "topic": topic,
        "started": 0,
        "ids": [event.id],
        "id": [0],
        "messages": [event.message],
        "message": [0],
        "details": None if event.given_details is None else [event.given_details],
        "level": [event.level],
        "time": [event.time],
        "duration": [event.duration],
        "seq": [event.place[0]],
        "row": [event.place[1]],
        "ordinal": [0],
        "recoverable": event.recoverable,
        "series": [{"name": event.name, "tags": nil_as_none(event.tags), "group": event.group}],
        "of": [0],
        "columns": {name: _column(value) for name, value in event.fields.items()},
        "data": None if event.rows is None else [list(event.rows)],
        "server": event.server,
        **more,
    }
    if event.replay:
        body["replay"] = event.replay
    return orjson.dumps(body)


def rows_of(event: Event) -> Sequence[Mapping[str, Any]]:
    """The event's data as result series in JSON."""
    if event.rows is not None:
        return event.rows
    names = sorted(event.fields)
    values = [rfc3339(event.time), *(_plain(event.fields[name]) for name in names)]
    row: dict[str, Any] = {"name": event.name, "columns": ["time", *names], "values": [values]}
    return [{**row, "tags": dict(event.tags)} if event.tags else row]


def _column(value: Any) -> dict[str, Any]:
    if isinstance(value, Time):
        return {"kind": Kind.TIME.value, "values": [value.ns]}
    kind = kind_of(value)
    # as in services.engine.alerts.codec
    finite = kind is not Kind.FLOAT or math.isfinite(value)
    return {"kind": kind.value, "values": [value if finite else str(value)]}


def _plain(value: Any) -> Any:
    return rfc3339(value.ns) if isinstance(value, Time) else value
