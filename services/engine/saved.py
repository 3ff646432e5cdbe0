"""Messages as plain data and back: what nodes keep that hold whole frames and batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.engine.buffer import points_from_state, points_state
from services.engine.frame import Barriers, Batches, Frame, Message
from services.engine.node import State
from services.engine.series import Dimensions, Group, GroupArray, SeriesTable


def message_state(message: Message, table: SeriesTable) -> State:
    """A message as plain data, without its cause: it belongs to a step that is over."""
    state: State = {
        "groups": groups_state(message.group, table),
        "dimensions": _dimensions_state(message.dimensions),
    }
    if isinstance(message, Barriers):
        return state | {"time": message.time, "delete": message.delete, "for_joins": message.for_joins}
    state["points"] = points_state(message.points, table)
    if isinstance(message, Batches):
        state |= {"offsets": message.offsets, "names": message.names, "tmax": message.tmax}
    return state


def message_from_state(state: State, table: SeriesTable) -> Message:
    """What `message_state` gave; every cause is 0."""
    group = groups_from_state(state["groups"], table)
    tags, by_name, star, exclude = state["dimensions"]
    dimensions = Dimensions(tuple(tags), by_name, star, tuple(exclude))
    cause = np.zeros(len(group), dtype=np.int64)
    if "time" in state:
        time = np.asarray(state["time"], dtype=np.int64)
        return Barriers(group, time, cause, dimensions, state["delete"], state["for_joins"])
    points = points_from_state(state["points"], table)
    if "offsets" not in state:
        return Frame(points, group, dimensions, cause)
    offsets = np.asarray(state["offsets"], dtype=np.intp)
    tmax = np.asarray(state["tmax"], dtype=np.int64)
    return Batches(points, offsets, group, list(state["names"]), tmax, dimensions, cause)


def groups_state(group: GroupArray, table: SeriesTable) -> list[Any]:
    """Group numbers as plain data: [the groups by name, int32[n] index into them]."""
    numbers, index = np.unique(group, return_inverse=True)
    groups = [table.group(n) for n in numbers.tolist()]
    return [[[list(map(list, g.tags)), g.name, g.by_name] for g in groups], index.astype(np.int32)]


def groups_from_state(state: list[Any], table: SeriesTable) -> GroupArray:
    """What `groups_state` gave: int32[n]."""
    named, index = state
    groups = [Group(tuple((k, v) for k, v in tags), name, by_name) for tags, name, by_name in named]
    numbers: NDArray[np.int32] = np.array([table.group_number(g) for g in groups], dtype=np.int32)
    return numbers[index] if len(numbers) else numbers


def _dimensions_state(d: Dimensions) -> list[Any]:
    return [list(d.tags), d.by_name, d.star, list(d.exclude)]
