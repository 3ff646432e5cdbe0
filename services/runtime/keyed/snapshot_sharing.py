"""A task's snapshot apart by group, for several runs of the task that each get the points of some groups, and joined.

What is of no group goes with the first share: counts, and what waits to be sent. All shares go on at the same time of
the run's clock; joined, they go on where the last of them was. The groups of all nodes must agree on the share: points
that meet anywhere in the graph are of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.columns.groups.keyed_state import NotByGroup, Partitioning
from services.columns.groups.series import Group, SeriesTable
from services.columns.snapshot import State
from services.pipeline.graph import Graph
from services.runtime.input.late_points import LatePointCounter
from services.runtime.node import Node
from services.runtime.task import STATE_VERSION
from services.store import codec
from services.store.codec import settled

Classes = Mapping[str, type[Node]]
"""The class of each node, by the name of its spec."""


def split_snapshot(
    snapshot: State, graph: Graph, classes: Classes, shares: int, share_of: Callable[[Group], int]
) -> list[State]:
    """What TaskRun.state gave, as one for each share: TaskRun.restore takes them up.

    share_of: the share of a group, 0 … shares-1. NotByGroup where a node keeps what is of several groups at once, or
    something waits for an answer from outside. ValueError for the state of another version or graph.
    """
    state = _plain(snapshot, graph)
    if state.get("late"):
        raise NotByGroup("steps wait for what is done outside")
    sharing = Partitioning(shares, share_of)
    split = [{**{name: state[name] for name in _CLOCK if name in state}, "late": []} for _ in range(shares)]
    for one in split:
        one |= {"version": STATE_VERSION, "nodes": {}, "counts": {}, "newest": {}}
    for node in graph.topological():
        name, kind = node.name, classes[node.spec.name]
        for i, part in enumerate(_split_node(name, kind, state["nodes"][name], sharing)):
            split[i]["nodes"][name] = part
            counts = state["counts"][name]
            split[i]["counts"][name] = counts if i == 0 else [0, 0, 0, dict.fromkeys(counts[-1], 0)]
        if name in state.get("newest", {}):
            for one, newest in zip(split, LatePointCounter.split(state["newest"][name], sharing), strict=True):
                one["newest"][name] = newest
    return [codec.unpack(codec.pack(one)) for one in split]


def join_snapshots(
    snapshots: Sequence[State], graph: Graph, classes: Classes, shared: SeriesTable | None = None
) -> State:
    """What `split_snapshot` gave, or what it has come to since, as one. ValueError where two have a group in common.

    shared: where the snapshots are of runs with this table which are over, and what is joined is for a run with it:
    names need not be written and read again then.
    """
    states = [_plain(snapshot, graph) if shared is None else settled(snapshot) for snapshot in snapshots]
    if any(state.get("late") for state in states):
        raise NotByGroup("steps wait for what is done outside")
    table = SeriesTable() if shared is None else shared
    joined: State = {"version": STATE_VERSION, "late": [], "nodes": {}, "counts": {}, "newest": {}}
    # what is due for one is done at its time, however far the clocks of the others have come
    joined["clock"] = min((s["clock"] for s in states if s.get("clock") is not None), default=None)
    for name in ("ticked", "set_back"):
        joined[name] = max(s.get(name, 0) for s in states)
    for node in graph.topological():
        name, kind = node.name, classes[node.spec.name]
        if kind.not_by_group:
            raise NotByGroup(f"{name}: {kind.not_by_group}")
        joined["nodes"][name] = kind.join_states([state["nodes"][name] for state in states], table)
        joined["counts"][name] = _sum([state["counts"][name] for state in states])
        newest = [state["newest"][name] for state in states if name in state.get("newest", {})]
        if len(newest) == len(states):
            joined["newest"][name] = LatePointCounter.joined(newest, table)
    result: State = codec.unpack(codec.pack(joined)) if shared is None else settled(joined)
    return result


_CLOCK = ("clock", "ticked", "set_back")


def _plain(snapshot: State, graph: Graph) -> State:
    """The snapshot itself, as it comes out of the store."""
    if snapshot.get("version") != STATE_VERSION or set(snapshot["nodes"]) != {node.name for node in graph.nodes}:
        raise ValueError("the snapshot is not one of this graph")
    state: State = codec.unpack(codec.pack(snapshot))
    return state


def _split_node(name: str, kind: type[Node], state: State, sharing: Partitioning) -> list[State]:
    if kind.not_by_group:
        raise NotByGroup(f"{name}: {kind.not_by_group}")
    try:
        parts = kind.split_state(state, sharing)
    except NotByGroup as error:
        raise NotByGroup(f"{name}: {error}") from None
    if lost := state.keys() - parts[0].keys():
        raise NotByGroup(f"{name} does not say how its {', '.join(sorted(lost))} is split")
    return parts


def _sum(counts: Sequence[Sequence[Any]]) -> list[Any]:
    collected, emitted, errors = (sum(one[i] for one in counts) for i in range(3))
    more: dict[str, int] = {}
    for *_, own in counts:
        for name, count in own.items():
            more[name] = more.get(name, 0) + count
    return [collected, emitted, errors, more]
