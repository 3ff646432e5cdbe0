"""On the bus: from when to when alerts inhibit others. On `tickbus.alert.<owner>.inhibits`, in the stream of alerts,
so that all who read it see the same alerts inhibited.

What a node tells: task, node, started, of a replay's task replay, and changes: a list of
[key, category, tags, on, seq, row, ordinal, moment], words as in services.engine.effects. That none of a task's alerts
inhibits any more what they have until the sequence `released` of EVENTS: {"released": …}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.engine.effects import Identities, Inhibition


@dataclass(frozen=True, slots=True)
class Told:
    """What a node has told. owner: the task, of a replay's `<replay>:<task>`."""

    owner: str
    started: int
    inhibition: Inhibition


@dataclass(frozen=True, slots=True)
class Released:
    """What was begun by runs that started up to this sequence of EVENTS is over."""

    until: int


def owner_of(task: str, replay: str) -> str:
    """Whose the alerts of a task are that runs in a replay, or "" for none."""
    return f"{replay}:{task}" if replay else task


def encode(inhibition: Inhibition, started: int, replay: str, limit: int) -> Iterator[bytes]:
    """Messages of at most `limit` bytes, unless one change is more than that."""
    of = inhibition.identities
    lists = (inhibition.keys, inhibition.categories, inhibition.tags, inhibition.on)
    changes = list(zip(*lists, *(a.tolist() for a in (of.seq, of.row, of.ordinal, of.moment)), strict=True))
    head: dict[str, Any] = {"task": inhibition.task, "node": inhibition.node, "started": started}
    if replay:
        head["replay"] = replay
    yield from _cut(head, changes, limit)


def encode_released(until: int) -> bytes:
    """The message that what runs up to there have told is over."""
    return orjson.dumps({"released": until})


def decode(data: bytes) -> Told | Released:
    """What a message tells. ValueError for any other message."""
    try:
        body = orjson.loads(data)
        if "released" in body:
            return Released(_int(body["released"]))
        columns = [list(column) for column in zip(*body["changes"], strict=True)] or [[]] * 8
        keys, categories, tags, on = columns[:4]
        owner = owner_of(_text(body["task"]), _text(body.get("replay", "")))
        told = Inhibition(
            task=body["task"],
            node=_text(body["node"]),
            keys=[_text(key) for key in keys],
            categories=[_text(category) for category in categories],
            tags=[{_text(name): _text(value) for name, value in one.items()} for one in tags],
            on=[bool(one) for one in on],
            identities=Identities(*(_ints(column) for column in columns[4:])),
        )
        return Told(owner, _int(body["started"]), told)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"tells of no inhibition: {error!r}") from error


def _cut(head: dict[str, Any], changes: list[Any], limit: int) -> Iterator[bytes]:
    data = orjson.dumps({**head, "changes": changes})
    if len(data) <= limit or len(changes) == 1:
        yield data
        return
    middle = len(changes) // 2
    yield from _cut(head, changes[:middle], limit)
    yield from _cut(head, changes[middle:], limit)


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
