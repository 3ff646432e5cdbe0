"""The saved state of a join apart by group, and together again: what is held of its parents, and what waits of it.

What it keeps by group is split as that of other nodes is (see services.columns.groups.keyed_state); elements of the
sets say by row where they stand among what the parents have given, which is told anew here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Batches, concat_points
from services.columns.groups.keyed_state import NotByGroup, Partitioning, joined_numbering
from services.columns.groups.portable_names import GroupNames
from services.columns.groups.series import Group, GroupArray, SeriesTable
from services.columns.keyed_buffer import points_from_state, points_state
from services.columns.snapshot import State
from services.columns.stacked import stacked_batches

_PARENT, _ROW, _DIMENSIONS = 0, 4, 5  # columns of the held elements, see Elements
_COMMON = ("batch_edge", "called", "dimensions")


def batches_state(part: Batches, members: IntArray, table: SeriesTable) -> list[Any]:
    """A parent's batches as plain data; members: their groups, by what names these."""
    return [points_state(part.points, table), part.offsets, members, part.names, part.tmax]


def batches_from_state(state: Sequence[Any], numbers: GroupArray, table: SeriesTable) -> Batches:
    """What `batches_state` gave; numbers: those in the table by what `members` were."""
    points, offsets, members, names, tmax = state
    part = stacked_batches([])
    part.points, part.offsets = points_from_state(points, table), offsets
    part.group, part.names, part.tmax, part.origin = numbers[members], list(names), tmax, np.zeros_like(tmax)
    return part


def split_held(state: State, own: Sequence[State], sharing: Partitioning) -> Iterator[State]:
    """Each share's part of a join's state. own: by share, what it keeps by group, with rows as they were."""
    names: GroupArray = state["names"].numbers(sharing.table)
    for one, matching in zip(own, _split_matching(state, names, sharing), strict=True):
        elements = np.array(one["pairing"]["held"], dtype=np.int64)
        waiting = _waiting(matching)
        points, batches = [], []
        for parent, (its_points, its_batches) in enumerate(zip(state["points"], state["batches"], strict=True)):
            mine = elements[_PARENT] == parent
            of_waiting = [given for given in waiting if given[0] == parent]
            rows = np.concatenate([elements[_ROW, mine], np.array([given[2] for given in of_waiting], dtype=np.int64)])
            wanted = np.unique(rows)
            elements[_ROW, mine] = np.searchsorted(wanted, elements[_ROW, mine])
            for given in of_waiting:
                given[2] = int(np.searchsorted(wanted, given[2]))
            points.append(_some_points(its_points, wanted, sharing.table))
            batches.append(_some_batches(its_batches, wanted, names, sharing.table))
        yield {
            **{name: state[name] for name in _COMMON if name in state},
            **one,
            "names": GroupNames(sharing.table, names),
            "points": points,
            "batches": batches,
            "pairing": {**one["pairing"], "held": list(elements)},
            "matching": matching,
        }


def join_held(states: Sequence[State], own: State, table: SeriesTable) -> State:
    """Parts as one. own: what they keep by group, as one, with each state's held elements behind those before it."""
    numbers = [state["names"].numbers(table) for state in states]
    every = [int(n) for n in dict.fromkeys(np.concatenate(numbers).tolist())]
    place = {number: i for i, number in enumerate(every)}
    names = [np.array([place[n] for n in mine.tolist()], dtype=np.int64) for mine in numbers]
    dimensions, by = joined_numbering([state["dimensions"] for state in states])
    parents = len(states[0]["points"])
    lengths = [[_length(state, parent) for parent in range(parents)] for state in states]
    before = np.cumsum(np.array(lengths, dtype=np.int64), axis=0) - lengths
    elements = np.array(own["pairing"]["held"], dtype=np.int64)
    of = np.repeat(np.arange(len(states)), [len(state["pairing"]["held"][0]) for state in states])
    elements[_ROW] += before[of, elements[_PARENT]]
    for i in range(len(states)):
        elements[_DIMENSIONS, of == i] = by[i][elements[_DIMENSIONS, of == i]]
    moved = [_moved(s["matching"], b, n, d) for s, b, n, d in zip(states, before.tolist(), names, by, strict=True)]
    return {
        **own,
        "batch_edge": any(state["batch_edge"] for state in states),
        "called": next((state["called"] for state in states if state.get("called") is not None), None),
        "dimensions": dimensions,
        "names": GroupNames(table, np.array(every, dtype=np.int32)),
        "points": [_together(states, parent, table) for parent in range(parents)],
        "batches": [_batches_together(states, parent, numbers, names, table) for parent in range(parents)],
        "pairing": {**own["pairing"], "held": list(elements)},
        "matching": _joined_matching(moved),
    }


def _waiting(matching: State | None) -> list[list[int]]:
    """What waits to be matched, as [parent, time, row, group, dimensions]: lists of the state itself."""
    if matching is None:
        return []
    return [given for _, _, coarse, fine, *_ in matching["meetings"] for given in (*coarse, *fine)]


def _split_matching(state: State, names: GroupArray, sharing: Partitioning) -> list[State | None]:
    matching = state["matching"]
    if matching is None:
        return [None] * sharing.shares
    if len(matching["reported"]) < len(state["points"]) and matching["meetings"]:
        raise NotByGroup("join.on() waits until all parents have given something, of whatever group")
    shares: list[State] = [
        {"meetings": [], "reported": matching["reported"], "barred": []} for _ in range(sharing.shares)
    ]
    of_name = sharing.of(names).tolist()
    for (tags, name, by_name), marks, coarse, fine, *more in matching["meetings"]:
        share = sharing.share_of(Group(tuple((k, v) for k, v in tags), name, by_name))
        if any(of_name[given[3]] != share for given in (*coarse, *fine)):
            raise NotByGroup("groups that join.on() puts together are in different shares")
        copied = [[list(given) for given in part] for part in (coarse, fine)]
        shares[share]["meetings"].append([[tags, name, by_name], dict(marks), *copied, *more])
    for barred in matching.get("barred", ()):
        shares[of_name[barred[0]]]["barred"].append(list(barred))
    return list(shares)


def _moved(matching: State | None, before: Sequence[int], names: IntArray, by: IntArray) -> State | None:
    """With rows, names and dimensions as they are in the whole."""
    if matching is None:
        return None

    def moved(given: Sequence[int]) -> list[int]:
        parent, time, row, group, dimensions = given
        return [parent, time, row + before[parent], int(names[group]), int(by[dimensions])]

    meetings = []
    for key, marks, coarse, fine, *more in matching["meetings"]:
        groups = [[[int(names[group]), int(by[dimensions])] for group, dimensions in part] for part in more]
        meetings.append([key, marks, [moved(given) for given in coarse], [moved(given) for given in fine], *groups])
    barred = [[int(names[group]), parent, time] for group, parent, time in matching.get("barred", ())]
    return {"meetings": meetings, "reported": matching["reported"], "barred": barred}


def _joined_matching(parts: Sequence[State | None]) -> State | None:
    found = [part for part in parts if part is not None]
    if not found:
        return None
    joined = {name: [one for part in found for one in part[name]] for name in ("meetings", "barred")}
    return {**joined, "reported": sorted({parent for part in found for parent in part["reported"]})}


def _some_points(state: State, rows: Rows, table: SeriesTable) -> State:
    points = points_from_state(state, table)
    return points_state(points.take(rows) if len(points) else points, table)


def _some_batches(state: Sequence[Any], rows: Rows, names: GroupArray, table: SeriesTable) -> list[Any]:
    part = batches_from_state(state, names, table)
    if not len(part):
        return list(state)
    return batches_state(part.select(rows), np.asarray(state[2])[rows], table)


def _length(state: State, parent: int) -> int:
    return len(state["points"][parent]["time"]) or len(state["batches"][parent][4])


def _together(states: Sequence[State], parent: int, table: SeriesTable) -> State:
    return points_state(concat_points([points_from_state(s["points"][parent], table) for s in states]), table)


def _batches_together(
    states: Sequence[State], parent: int, numbers: Sequence[GroupArray], names: Sequence[IntArray], table: SeriesTable
) -> list[Any]:
    saved = [state["batches"][parent] for state in states]
    parts = [batches_from_state(one, own, table) for one, own in zip(saved, numbers, strict=True)]
    members = np.concatenate([own[np.asarray(one[2], dtype=np.int64)] for one, own in zip(saved, names, strict=True)])
    return batches_state(stacked_batches([p for p in parts if len(p)]), members, table)
