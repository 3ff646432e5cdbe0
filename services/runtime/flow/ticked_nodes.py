"""Which nodes of a graph something else than points calls, and what follows from where they stand in it."""

from __future__ import annotations

from collections.abc import Sequence

from services.runtime.node import Node


class TickedNodes:
    """Nodes by their numbers in topological order.

    clocked: those whose ticks are due by the run's clock. outside: those whose ticks are due by the wall's, or when
    something has come back. queries: those of them that ask on a schedule. resumed: those that are told of pauses, the
    clocked ones and all below those that give only what the clock makes them give. soonest: how long (ns) after points
    have come a tick that they cause is due at the earliest; None: they cause none.

    alone: the queries whose answers meet nothing else that ticks set off. Their steps bear the ticks of their
    schedules: the same ones after a crash, however late they are then asked. Where several nodes come upon what they
    have independently, numbers that never fall count for more.
    """

    def __init__(
        self, nodes: Sequence[Node], parents: Sequence[Sequence[int]], children: Sequence[int], queries: frozenset[int]
    ) -> None:
        """parents: of each node. children: how many each has."""
        timed = [i for i, node in enumerate(nodes) if node.timed()]
        self.clocked = [i for i in timed if nodes[i].clocked]
        self.outside = [i for i in timed if not nodes[i].clocked]
        self.queries = queries
        sources = {i for i in self.clocked if not parents[i]}
        above = _above(parents)
        self.resumed = [i for i, those in enumerate(above) if i in self.clocked or those & sources]
        waits = [t for i in self.clocked if (t := nodes[i].soonest()) is not None]
        self.soonest = min(waits, default=None)
        emitting = {i for i in timed if children[i]}
        met = [those & emitting for those in above]
        self.alone = frozenset(i for i in queries if all(by == {i} for by in met if i in by))


def _above(parents: Sequence[Sequence[int]]) -> list[set[int]]:
    """For every node the nodes that it is reached from, itself among them."""
    above: list[set[int]] = []
    for i, its in enumerate(parents):
        above.append({i}.union(*(above[p] for p in its)))
    return above
