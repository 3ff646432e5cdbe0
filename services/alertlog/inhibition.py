"""On the bus: from when to when alerts inhibit others. On `tickbus.alert.<owner>.inhibits`, in the stream of alerts,
so that all who read it see the same alerts inhibited.

What a node says: task, node, started, of a replay's task replay, and changes: a list of
[key, category, tags, on, seq, row, ordinal, moment], words as in services.runtime.effects. That none of a task's alerts
inhibits any more what they have until the sequence `released` of EVENTS: {"released": …}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.alertlog.split import cut
from services.bus.positions import EventsSeq
from services.columns.output_sequence import EventIds
from services.runtime.effects import Inhibition


@dataclass(frozen=True, slots=True)
class Announced:
    """What a node has said. owner: the task, of a replay's `<replay>:<task>`."""

    owner: str
    started: EventsSeq
    inhibition: Inhibition


@dataclass(frozen=True, slots=True)
class Released:
    """What was begun by runs that started up to this sequence of EVENTS is over."""

    until: EventsSeq


def owner_of(task: str, replay: str) -> str:
    """Whose the alerts of a task are that runs in a replay, or "" for none."""
    return f"{replay}:{task}" if replay else task


def encode(inhibition: Inhibition, started: EventsSeq, replay: str, limit: int) -> Iterator[bytes]:
    """Messages of at most `limit` bytes, unless one change is more than that."""
    of = inhibition.event_ids
    lists = (inhibition.keys, inhibition.categories, inhibition.tags, inhibition.on)
    changes = list(zip(*lists, *(a.tolist() for a in (of.seq, of.row, of.ordinal, of.processing_time)), strict=True))
    head: dict[str, Any] = {"task": inhibition.task, "node": inhibition.node, "started": started}
    if replay:
        head["replay"] = replay
    yield from cut(head, "changes", changes, limit)


def encode_released(until: EventsSeq) -> bytes:
    """The message that what runs up to there have said is over."""
    return orjson.dumps({"released": until})


def decode(data: bytes) -> Announced | Released:
    """What a message says. ValueError for any other message."""
    try:
        body = orjson.loads(data)
        if "released" in body:
            return Released(EventsSeq(_int(body["released"])))
        columns = [list(column) for column in zip(*body["changes"], strict=True)] or [[]] * 8
        keys, categories, tags, on = columns[:4]
        owner = owner_of(_text(body["task"]), _text(body.get("replay", "")))
        inhibition = Inhibition(
            task=body["task"],
            node=_text(body["node"]),
            keys=[_text(key) for key in keys],
            categories=[_text(category) for category in categories],
            tags=[{_text(name): _text(value) for name, value in one.items()} for one in tags],
            on=[bool(one) for one in on],
            event_ids=EventIds(*(_ints(column) for column in columns[4:])),
        )
        return Announced(owner, EventsSeq(_int(body["started"])), inhibition)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"tells of no inhibition: {error!r}") from error


def _ints(values: list[Any]) -> NDArray[np.int64]:
    return np.array([_int(value) for value in values], dtype=np.int64)


def _int(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no integer")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no string")
    return value
