"""Where nodes and edges of a graph lie: in layers from top to bottom, as Sugiyama's method has it.

A node's layer is its longest way from a source. An edge over several layers goes through a bend in each between. The
order in a layer is that of the barycentres of the neighbours, swept up and down; places are as near to the neighbours'
as the widths allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NODE_HEIGHT = 34.0
LAYER_GAP = 46.0
NODE_GAP = 28.0
MARGIN = 12.0
_BEND = 14.0  # the width that is kept free for an edge that passes a layer
_SWEEPS = 8

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Placing:
    """Everything in pixels from the top left.

    nodes: the middle of each node's upper edge. bends: of each edge, in the order in which they were given, the points
    at which it passes layers between, each where the layer begins. middles: a place on each edge for a word.
    """

    width: float
    height: float
    nodes: Sequence[tuple[float, float]]
    bends: Sequence[Sequence[tuple[float, float]]]
    middles: Sequence[tuple[float, float]]


def place(widths: Sequence[float], edges: Sequence[Edge]) -> Placing:
    """Places for nodes of these widths and for their edges, (from, to). ValueError for a cycle."""
    layers_of = _layers_of(len(widths), edges)
    layered = _Layered(list(widths), edges, layers_of)
    layered.order()
    x = layered.places()
    left = min((at - layered.widths[v] / 2 for v, at in enumerate(x)), default=0.0)
    right = max((at + layered.widths[v] / 2 for v, at in enumerate(x)), default=0.0)
    points = [
        (round(at - left + MARGIN, 1), MARGIN + layer * (NODE_HEIGHT + LAYER_GAP))
        for at, layer in zip(x, layered.layer_of, strict=True)
    ]
    depth = max(layers_of, default=-1) + 1
    ways = [[points[v] for v in way] for way in layered.ways]
    return Placing(
        round(right - left + 2 * MARGIN, 1),
        2 * MARGIN + max(0.0, depth * (NODE_HEIGHT + LAYER_GAP) - LAYER_GAP),
        points[: len(widths)],
        [way[1:-1] for way in ways],
        [_middle(way) for way in ways],
    )


def _layers_of(count: int, edges: Sequence[Edge]) -> list[int]:
    children: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for parent, child in edges:
        children[parent].append(child)
        waiting[child] += 1
    layers = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:  # it grows meanwhile
        for child in children[node]:
            layers[child] = max(layers[child], layers[node] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(ready) < count:
        raise ValueError("the graph has a cycle")
    return layers


class _Layered:
    """Nodes and bends by layer. The bends are numbered behind the nodes. ways: of each edge all it goes through."""

    def __init__(self, widths: list[float], edges: Sequence[Edge], layers_of: Sequence[int]) -> None:
        self.widths, self.layer_of = widths, list(layers_of)
        self.ways: list[list[int]] = []
        for parent, child in edges:
            way = [parent]
            for layer in range(layers_of[parent] + 1, layers_of[child]):
                way.append(len(self.widths))
                self.widths.append(_BEND)
                self.layer_of.append(layer)
            self.ways.append([*way, child])
        self.layers: list[list[int]] = [[] for _ in range(max(layers_of, default=-1) + 1)]
        for one, layer in enumerate(self.layer_of):
            self.layers[layer].append(one)
        self.above: list[list[int]] = [[] for _ in self.widths]
        self.below: list[list[int]] = [[] for _ in self.widths]
        for way in self.ways:
            for upper, lower in pairwise(way):
                self.below[upper].append(lower)
                self.above[lower].append(upper)

    def order(self) -> None:
        """Order each layer so that few edges cross: the best of some sweeps."""
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for layer in self.layers[1:] if down else self.layers[-2::-1]:
                at = self._positions()
                centre = {one: _mean([at[other] for other in neighbours[one]], at[one]) for one in layer}
                layer.sort(key=lambda one: centre[one])
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def places(self) -> list[float]:
        """The middle of each along its layer."""
        x = [0.0] * len(self.widths)
        for layer in self.layers:
            self._place(layer, [0.0] * len(layer), x)
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for layer in self.layers if down else reversed(self.layers):
                self._place(layer, [_mean([x[other] for other in neighbours[one]], x[one]) for one in layer], x)
        return x

    def _place(self, layer: Sequence[int], wished: Sequence[float], x: list[float]) -> None:
        """As near to what is wished as the widths allow, in the order of the layer: the sum of squares is the least.

        Those that would overlap are moved together as one (pool adjacent violators).
        """
        offset, offsets = 0.0, []
        for number, one in enumerate(layer):
            if number:
                offset += (self.widths[layer[number - 1]] + self.widths[one]) / 2 + NODE_GAP
            offsets.append(offset)
        pools: list[tuple[float, int]] = []
        for wish, shift in zip(wished, offsets, strict=True):
            total, count = wish - shift, 1
            while pools and pools[-1][0] / pools[-1][1] >= total / count:
                before = pools.pop()
                total, count = total + before[0], count + before[1]
            pools.append((total, count))
        starts = [total / count for total, count in pools for _ in range(count)]
        for one, start, shift in zip(layer, starts, offsets, strict=True):
            x[one] = start + shift

    def _positions(self) -> list[int]:
        at = [0] * len(self.widths)
        for layer in self.layers:
            for number, one in enumerate(layer):
                at[one] = number
        return at

    def _crossings(self) -> int:
        """How many pairs of edges cross between two layers: inversions, counted by a Fenwick tree."""
        at = self._positions()
        found = 0
        for upper, lower in pairwise(self.layers):
            tree = [0] * (len(lower) + 1)
            seen = 0
            for one in upper:
                ends = sorted(at[other] + 1 for other in self.below[one])
                for end in ends:
                    found += seen - _sum(tree, end)
                for end in ends:
                    _add(tree, end)
                seen += len(ends)
        return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _sum(tree: Sequence[int], end: int) -> int:
    found = 0
    while end:
        found += tree[end]
        end -= end & -end
    return found


def _add(tree: list[int], at: int) -> None:
    while at < len(tree):
        tree[at] += 1
        at += at & -at


def _middle(way: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Halfway down the gap in the middle of an edge."""
    number = (len(way) - 2) // 2
    upper, lower = way[number], way[number + 1]
    return round((upper[0] + lower[0]) / 2, 1), round((upper[1] + NODE_HEIGHT + lower[1]) / 2, 1)
