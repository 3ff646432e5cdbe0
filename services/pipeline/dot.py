"""A graph in DOT, as the API shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from grammar.tickscript.literals import go_duration
from services.pipeline.graph import Graph, GraphNode
from services.pipeline.sources import BATCH
from services.pipeline.spec import Edge

VIEWS = ("attributes", "labels")


def to_dot(
    name: str,
    graph: Graph,
    stats: Mapping[str, Mapping[str, Any]] | None = None,
    view: str = "attributes",
    throughput: float = 0.0,
) -> str:
    """The graph of the task or template `name`.

    stats: for a running task its `node-stats` as the API shows them; for others None, and then the view plays no part.
    throughput: points or batches a second. As in Kapacitor, `batch` itself is left out, and a running task lists a
    node's children in the order in which the graph is walked.
    """
    order = [n for n in graph.topological() if n.spec is not BATCH]
    lines = list(_plain(order) if stats is None else _running(order, graph.edge, stats, view, throughput))
    return "\n".join([f"digraph {name} {{", *lines, "}"])


def _plain(order: list[GraphNode]) -> Iterator[str]:
    for node in order:
        for child in node.children:
            yield f"{node.name} -> {child.name};"


def _running(
    order: list[GraphNode], edge: Edge, stats: Mapping[str, Mapping[str, Any]], view: str, throughput: float
) -> Iterator[str]:
    labels = view == "labels"
    rate = f"{throughput:.2f} {'points' if edge is Edge.STREAM else 'batches'}/s"
    if labels:
        yield f'graph [label="Throughput: {rate}" forcelabels=true pad="0.8,0.5"];'
    else:
        yield f'graph [throughput="{rate}"];'
    place = {node.number: i for i, node in enumerate(order)}
    for node in order:
        counts = stats.get(node.name, {})
        shown = sorted((k, _shown(k, v)) for k, v in counts.items() if k not in ("collected", "emitted"))
        yield ""
        if labels:
            # A literal \r is a line end to Graphviz.
            yield f'{node.name} [xlabel="' + r"\r".join(f"{k}={v}" for k, v in shown) + '"];'
        else:
            yield f"{node.name} [" + "".join(f'{k}="{v}" ' for k, v in shown) + "];"
        children = sorted(node.children, key=lambda child: place[child.number])
        # What a node emits counts once for each child.
        processed = counts.get("emitted", 0) // max(len(children), 1)
        for child in children:
            label = f'label="processed={processed}"' if labels else f'processed="{processed}"'
            yield f"{node.name} -> {child.name} [{label}];"


def _shown(name: str, value: Any) -> Any:
    return go_duration(value) if name == "avg_exec_time_ns" and isinstance(value, int) else value
