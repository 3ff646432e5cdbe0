"""Messages as plain data: those that are under way in a graph when its state is saved."""

from __future__ import annotations

import numpy as np

from services.columns.frame import Barriers, Batches, Frame, Message
from services.columns.groups.local_groups import LocalGroups
from services.columns.groups.series import Dimensions, SeriesTable
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State


def message_state(message: Message, table: SeriesTable) -> State:
    """A message as plain data: groups and series by name."""
    groups = LocalGroups(table)
    d = message.dimensions
    state: State = {
        "of": groups.local(message.group),
        "groups": groups.state(),
        "dimensions": [list(d.tags), d.by_name, d.star, list(d.exclude)],
        "cause": message.origin,
    }
    if isinstance(message, Barriers):
        return {
            **state,
            "kind": "barriers",
            "time": message.time,
            "delete": message.delete,
            "for_joins": message.for_joins,
        }
    state["points"] = points_state(message.points, table)
    if isinstance(message, Frame):
        return {**state, "kind": "frame"}
    return {**state, "kind": "batches", "offsets": message.offsets, "names": message.names, "tmax": message.tmax}


def message_from_state(state: State, table: SeriesTable) -> Message:
    """What `message_state` gave."""
    groups = LocalGroups(table)
    groups.restore(state["groups"])
    group = np.array(groups.numbers, dtype=np.int32)[np.asarray(state["of"], dtype=np.intp)]
    tags, by_name, star, exclude = state["dimensions"]
    dimensions = Dimensions(tuple(tags), by_name, star, tuple(exclude))
    origin = np.asarray(state["cause"], dtype=np.int64)
    if state["kind"] == "barriers":
        time, for_joins = np.asarray(state["time"], dtype=np.int64), state.get("for_joins", False)
        return Barriers(group, time, origin, dimensions, state["delete"], for_joins)
    points = points_from_state(state["points"], table)
    if state["kind"] == "frame":
        return Frame(points, group, dimensions, origin)
    offsets, tmax = np.asarray(state["offsets"], dtype=np.intp), np.asarray(state["tmax"], dtype=np.int64)
    return Batches(points, offsets, group, list(state["names"]), tmax, dimensions, origin)
